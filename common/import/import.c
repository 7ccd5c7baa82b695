#include "common/import/import.h"

#include <stdarg.h>

#include "common/db/foreign.h"

/* Rows of one transaction: enough that its commit does not count, few enough that others can write meanwhile.
 */
#define ROWS_OF_TRANSACTION 5000
#define ARENA_LIMIT_BYTES   (512UL * 1024 * 1024)

const char *import_entity_name(enum import_entity entity)
{
    static const char *const names[IMPORT_ENTITIES] = {
        [IMPORT_EXPERIMENTS] = "experiments",
        [IMPORT_RUNS] = "runs",
        [IMPORT_LOGGED_MODELS] = "logged models",
        [IMPORT_REGISTERED_MODELS] = "registered models",
        [IMPORT_MODEL_VERSIONS] = "model versions",
        [IMPORT_WEBHOOKS] = "webhooks",
        [IMPORT_TRACES] = "traces",
        [IMPORT_EVALUATION_DATASETS] = "evaluation datasets",
        [IMPORT_SCORERS] = "scorers",
        [IMPORT_SECRETS] = "gateway secrets",
        [IMPORT_MODEL_DEFINITIONS] = "gateway model definitions",
        [IMPORT_ENDPOINTS] = "gateway endpoints",
        [IMPORT_USERS] = "users",
    };
    return names[entity];
}

void import_begin(struct import *import)
{
    import->arena = arena_new(ARENA_LIMIT_BYTES);
}

void import_end(struct import *import)
{
    if (import->tx)
        store_rollback(import->tx);
    import->tx = NULL;
    arena_free(import->arena);
    import->arena = NULL;
}

static void tell(struct import *import)
{
    if (import->progress)
        import->progress(import->context, import->entity, import->done, import->total);
}

static enum status commit(struct import *import)
{
    if (!import->tx)
        return OK;
    enum status status = store_commit(import->tx);
    import->tx = NULL;
    import->rows = 0;
    if (status != OK)
        return FAILED;
    tell(import);
    arena_reset(import->arena);
    return OK;
}

enum status import_kind(struct import *import, enum import_entity entity, struct store *store,
                        const char *count_sql)
{
    import->entity = entity;
    import->tx_store = store;
    import->total = import->done = 0;
    if (!count_sql)
        return OK;
    struct foreign_rows *rows = foreign_query(import->from, count_sql, SV_ABSENT, SV_ABSENT, &import->error);
    if (!rows)
        return FAILED;
    if (foreign_next(rows))
        import->total = foreign_int(rows, "total", 0);
    return foreign_done(rows);
}

struct store_tx *import_unit(struct import *import)
{
    if (import->rows >= ROWS_OF_TRANSACTION && commit(import) != OK)
        return NULL;
    if (!import->tx)
        import->tx = store_begin(import->tx_store, DB_WRITE, import->arena, &import->error);
    return import->tx;
}

void import_taken(struct import *import, int64_t rows)
{
    import->counts[import->entity].taken++;
    import->rows += rows;
    import->done++;
}

void import_present(struct import *import)
{
    import->counts[import->entity].present++;
    import->rows++;
    import->done++;
}

static void __attribute__((format(printf, 2, 0)))
remark(struct import *import, const char *format, va_list arguments)
{
    if (import->remark)
        import->remark(import->context, arena_vprintf(import->arena, format, arguments));
}

void import_refused(struct import *import, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(import, format, arguments);
    va_end(arguments);
    import->counts[import->entity].refused++;
    import->done++;
}

void import_remark(struct import *import, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(import, format, arguments);
    va_end(arguments);
}

enum status import_kind_end(struct import *import, enum status status)
{
    if (status == OK && commit(import) == OK)
        return OK;
    if (import->tx)
        store_rollback(import->tx);
    import->tx = NULL;
    import->rows = 0;
    return FAILED;
}

enum status import_rows(struct import *import, enum import_entity entity, struct store *store,
                        const char *count_sql, const char *sql,
                        enum status (*take)(struct import *import, struct foreign_rows *rows))
{
    if (import_kind(import, entity, store, count_sql) != OK)
        return FAILED;
    struct foreign_rows *rows = foreign_query(import->from, sql, SV_ABSENT, SV_ABSENT, &import->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows))
        status = take(import, rows);
    if (foreign_done(rows) != OK)
        status = FAILED;
    return import_kind_end(import, status);
}
