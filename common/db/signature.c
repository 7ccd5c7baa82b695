#include "common/base/signature.h"
#include "common/db/internal.h"

/* signature_has(packed, hashes) in SQL. */

static struct sv blob_of(sqlite3_value *value)
{
    const void *bytes = sqlite3_value_blob(value);
    return bytes ? (struct sv){bytes, (size_t)sqlite3_value_bytes(value)} : SV("");
}

static void has(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int(context, signature_has(blob_of(values[0]), blob_of(values[1])));
}

int db_add_signature(struct db_conn *conn)
{
    return sqlite3_create_function_v2(conn->handle, "signature_has", 2,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, has, NULL,
                                      NULL, NULL);
}
