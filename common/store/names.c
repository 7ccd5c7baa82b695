#include "common/store/names.h"

enum status name_find(struct store_tx *tx, int64_t experiment, enum name_kind kind, struct sv name,
                      int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM names WHERE experiment = ? AND kind = ? AND name = ?",
                 db_int(experiment), db_int(kind), db_text(name));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status name_intern(struct store_tx *tx, int64_t experiment, enum name_kind kind, struct sv name,
                        int64_t *id)
{
    if (name_find(tx, experiment, kind, name, id) != OK)
        return FAILED;
    if (*id)
        return OK;
    if (db_exec(tx->db, NULL, "INSERT INTO names (experiment, kind, name) VALUES (?, ?, ?)",
                db_int(experiment), db_int(kind), db_text(name)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}
