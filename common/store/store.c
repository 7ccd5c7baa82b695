#include "common/store/store.h"

#include "common/base/clock.h"
#include "common/store/artifact_location.h"
#include "common/store/model_source.h"
#include "common/store/list.h"

static enum status make_default_experiment(struct store_tx *tx)
{
    struct sv location = artifact_location_default(tx->arena, tx->store->settings.artifact_root, 0);
    return db_exec(tx->db, NULL,
                   "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time) "
                   "VALUES (0, 'Default', ?, ?, ?) ON CONFLICT DO NOTHING",
                   db_text(location), db_int(tx->now_ms), db_int(tx->now_ms));
}

static enum status has_default_experiment(struct store_tx *tx, bool *has)
{
    struct db_stmt *stmt = db_query0(tx->db, "SELECT 1 FROM experiments WHERE id = 0");
    if (!stmt)
        return FAILED;
    *has = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status ensure_default_experiment(struct store *store, struct arena *arena, struct error *error)
{
    struct store_tx *tx = store_begin(store, DB_READ, arena, error);
    if (!tx)
        return FAILED;
    bool has = false;
    enum status status = has_default_experiment(tx, &has);
    store_rollback(tx);
    if (status != OK || has)
        return status;
    tx = store_begin(store, DB_WRITE, arena, error);
    if (!tx)
        return FAILED;
    if (make_default_experiment(tx) != OK) {
        store_rollback(tx);
        return FAILED;
    }
    return store_commit(tx);
}

enum status store_open(struct store *store, const struct db_options *options,
                       const struct store_settings *settings, struct arena *arena, struct error *error)
{
    *store = (struct store){.settings = *settings};
    store->db = db_open(options, arena, error);
    if (!store->db)
        return FAILED;
    if (ensure_default_experiment(store, arena, error) != OK) {
        store_close(store);
        return FAILED;
    }
    return OK;
}

void store_close(struct store *store)
{
    if (store->db)
        db_close(store->db);
    store->db = NULL;
    model_source_free_pattern(store);
}

struct store_tx *store_begin(struct store *store, enum db_access access, struct arena *arena,
                             struct error *error)
{
    struct db_conn *conn = NULL;
    struct store_tx *tx = ARENA_NEW(arena, struct store_tx);
    if (db_begin(store->db, access, arena, error, &conn) != OK)
        return NULL;
    *tx = (struct store_tx){
        .store = store, .db = conn, .arena = arena, .error = error, .now_ms = clock_now_ms()};
    return tx;
}

enum status store_commit(struct store_tx *tx)
{
    return db_commit(tx->db);
}

void store_rollback(struct store_tx *tx)
{
    db_rollback(tx->db);
}

enum status key_values_read(struct store_tx *tx, struct db_stmt *stmt, const struct key_value **items,
                            size_t *count)
{
    if (!stmt)
        return FAILED;
    struct row_list list = {0};
    while (db_step(stmt) == DB_ROW) {
        struct key_value *item = ROW_LIST_ADD(&list, tx->arena, struct key_value);
        item->key = db_column_text_copy(stmt, 0);
        item->value = db_column_text_copy(stmt, 1);
    }
    *items = list.items;
    *count = list.count;
    return db_done(stmt);
}

const char *lifecycle_name(enum lifecycle lifecycle)
{
    return lifecycle == LIFECYCLE_DELETED ? "deleted" : "active";
}
