#include "cli/db_stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/timestamp.h"
#include "common/store/statistics.h"
#include "common/store/text.h"

#define TOP 10

static void print_file(const struct db_stats *stats, const struct db_info *info, struct sv path)
{
    printf("database: %.*s\n"
           "size: %" PRId64 " bytes, %" PRId64 " pages of %" PRId64 "\n"
           "free for new rows: %" PRId64 " bytes, %" PRId64 " pages\n"
           "write-ahead log: %" PRId64 " bytes\n\n",
           SV_ARG(path), info->database_bytes, stats->pages, stats->page_bytes,
           stats->free_pages * stats->page_bytes, stats->free_pages, info->wal_bytes);
}

static void print_tables(const struct db_stats *stats)
{
    bool measured = false;
    printf("%-32s %14s %16s\n", "table", "rows", "bytes");
    for (size_t i = 0; i < stats->table_count; i++) {
        const struct db_table *table = &stats->tables[i];
        printf("%-32.*s %14" PRId64, SV_ARG(table->name), table->rows);
        if (table->bytes >= 0)
            printf(" %16" PRId64 "\n", table->bytes);
        else
            printf(" %16s\n", "?");
        measured |= table->bytes >= 0;
    }
    if (!measured)
        printf("This SQLite has no dbstat, so it cannot tell the sizes of tables.\n");
}

static void print_runs(struct arena *arena, const struct store_statistics *statistics)
{
    printf("\nruns: %" PRId64 ", %" PRId64 " of them deleted\n", statistics->runs, statistics->deleted_runs);
    if (statistics->runs)
        printf("oldest run: %.*s\nnewest run: %.*s\n",
               SV_ARG(timestamp_format(arena, statistics->oldest_run_ms)),
               SV_ARG(timestamp_format(arena, statistics->newest_run_ms)));
}

static void print_experiments(struct arena *arena, const char *what, const struct experiment_statistics *rows,
                              size_t count)
{
    if (!count)
        return;
    printf("\n%-20s %14s  experiment\n", "experiment id", what);
    for (size_t i = 0; i < count; i++)
        printf("%-20" PRId64 " %14" PRId64 "  %.*s%s\n", rows[i].id, rows[i].count,
               SV_ARG(text_json(arena, rows[i].name)),
               rows[i].lifecycle == LIFECYCLE_DELETED ? " (deleted)" : "");
}

enum status db_stats_print(struct db *db, struct sv path, struct arena *arena, struct error *error)
{
    struct store store = {.db = db};
    struct db_info info;
    struct db_stats stats;
    struct store_statistics statistics;
    if (db_info(db, arena, error, &info) != OK || db_stats(db, arena, error, &stats) != OK)
        return FAILED;
    struct store_tx *tx = store_begin(&store, DB_READ, arena, error);
    enum status status = tx ? store_statistics_read(tx, TOP, &statistics) : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK)
        return FAILED;
    print_file(&stats, &info, path);
    print_tables(&stats);
    print_runs(arena, &statistics);
    print_experiments(arena, "runs", statistics.by_runs, statistics.by_runs_count);
    print_experiments(arena, "traces", statistics.by_traces, statistics.by_traces_count);
    return OK;
}
