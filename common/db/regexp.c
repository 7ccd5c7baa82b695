#include <stdlib.h>

#include "common/base/pattern.h"
#include "common/db/internal.h"

/* What SQLite calls for "value REGEXP pattern", which it has no function for. */

/* A pattern that is none is remembered too: it matches nothing. */
struct remembered {
    struct pattern *pattern;
};

static void forget(void *context)
{
    struct remembered *remembered = context;
    pattern_free(remembered->pattern);
    free(remembered);
}

static struct sv text_of(sqlite3_value *value)
{
    const unsigned char *text = sqlite3_value_text(value);
    return text ? (struct sv){(const char *)text, (size_t)sqlite3_value_bytes(value)} : SV_ABSENT;
}

static void regexp(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const struct db_conn *conn = sqlite3_user_data(context);
    struct remembered *remembered = sqlite3_get_auxdata(context, 0);
    struct sv text = text_of(values[1]);
    if (!text.data)
        return;
    if (!remembered) {
        remembered = calloc(1, sizeof(*remembered));
        if (!remembered) {
            sqlite3_result_error_nomem(context);
            return;
        }
        remembered->pattern = pattern_compile(text_of(values[0]));
        sqlite3_set_auxdata(context, 0, remembered, forget);
        /* SQLite may have had no room for it, and has freed it then. */
        remembered = sqlite3_get_auxdata(context, 0);
        if (!remembered) {
            sqlite3_result_error_nomem(context);
            return;
        }
    }
    int64_t deadline_us = conn->role == DB_ROLE_READER ? conn->deadline_us : INT64_MAX;
    enum pattern_outcome outcome =
        remembered->pattern ? pattern_search(remembered->pattern, text, deadline_us) : PATTERN_DIFFERS;
    if (outcome == PATTERN_LATE)
        sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    else
        sqlite3_result_int(context, outcome == PATTERN_MATCHES);
}

int db_add_regexp(struct db_conn *conn)
{
    return sqlite3_create_function_v2(conn->handle, "regexp", 2,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, conn, regexp,
                                      NULL, NULL, NULL);
}
