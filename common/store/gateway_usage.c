#include "common/store/gateway_usage.h"

#include "common/store/list.h"

static struct db_value known(int64_t number)
{
    return number < 0 ? db_null() : db_int(number);
}

/* More at a time than come, so that the old ones become fewer; few enough to keep no other writer waiting. */
#define TRIM_ROWS 1000

static enum status trim(struct store_tx *tx, size_t added)
{
    int64_t kept_ms = tx->store->settings.usage_retention_ms;
    if (!kept_ms)
        return OK;
    return db_exec(
        tx->db, NULL,
        "DELETE FROM gateway_usage WHERE id IN (SELECT id FROM gateway_usage WHERE time < ? ORDER BY "
        "time LIMIT ?)",
        db_int(tx->now_ms - kept_ms), db_int(TRIM_ROWS + (int64_t)added));
}

enum status gateway_usage_add(struct store_tx *tx, const struct gateway_usage_row *rows, size_t count)
{
    if (count > GATEWAY_USAGE_ROWS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "At most %d calls are recorded at a time.",
                          GATEWAY_USAGE_ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct gateway_usage_row *row = &rows[i];
        if (db_exec(tx->db, NULL,
                    "INSERT INTO gateway_usage (time, endpoint_id, endpoint_name, provider, model, status, "
                    "streamed, "
                    "attempts, duration_ms, first_token_ms, input_tokens, output_tokens, cached_tokens) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    db_int(row->time_ms), db_text(row->endpoint_id), db_text(row->endpoint_name),
                    db_text(row->provider), db_text(row->model), db_int(row->status), db_int(row->streamed),
                    db_int(row->attempts), db_int(row->duration_ms), known(row->first_token_ms),
                    known(row->input_tokens), known(row->output_tokens), known(row->cached_tokens)) != OK)
            return FAILED;
    }
    return trim(tx, count);
}

/* --- Reading --- */

#define SUMS                                                                                                 \
    "SELECT time / ?1 * ?1 AS bucket, endpoint_id, endpoint_name, provider, model, count(*), "               \
    "sum(status >= 400), sum(streamed), sum(attempts), coalesce(sum(input_tokens), 0), "                     \
    "coalesce(sum(output_tokens), 0), coalesce(sum(cached_tokens), 0), sum(duration_ms), max(duration_ms), " \
    "coalesce(sum(first_token_ms), 0), count(first_token_ms) FROM gateway_usage WHERE time >= ?2 AND time "  \
    "< ?3 AND (endpoint_id IN (SELECT value FROM json_each(?5))) = ?6 "
#define GROUPS                                                       \
    " GROUP BY bucket, endpoint_id, endpoint_name, provider, model " \
    "ORDER BY bucket, endpoint_id, endpoint_name, provider, model LIMIT ?4"

static struct db_stmt *query_sums(struct store_tx *tx, const struct gateway_usage_query *query)
{
    struct db_value bucket = db_int(query->bucket_ms), since = db_int(query->since_ms),
                    until = db_int(query->until_ms), limit = db_int(GATEWAY_USAGE_SUMS_MAX + 1),
                    list = permission_filter_list(query->readable),
                    listed = permission_filter_listed(query->readable);
    if (query->endpoint_id.data && query->endpoint_name.data)
        return db_query(tx->db, SUMS "AND endpoint_id = ?7 AND endpoint_name = ?8" GROUPS, bucket, since,
                        until, limit, list, listed, db_text(query->endpoint_id),
                        db_text(query->endpoint_name));
    if (query->endpoint_id.data)
        return db_query(tx->db, SUMS "AND endpoint_id = ?7" GROUPS, bucket, since, until, limit, list, listed,
                        db_text(query->endpoint_id));
    if (query->endpoint_name.data)
        return db_query(tx->db, SUMS "AND endpoint_name = ?7" GROUPS, bucket, since, until, limit, list,
                        listed, db_text(query->endpoint_name));
    return db_query(tx->db, SUMS GROUPS, bucket, since, until, limit, list, listed);
}

static void read_sum(struct db_stmt *stmt, struct gateway_usage_sum *sum)
{
    *sum = (struct gateway_usage_sum){
        .time_ms = db_column_int(stmt, 0),
        .endpoint_id = db_column_text_copy(stmt, 1),
        .endpoint_name = db_column_text_copy(stmt, 2),
        .provider = db_column_text_copy(stmt, 3),
        .model = db_column_text_copy(stmt, 4),
        .calls = db_column_int(stmt, 5),
        .errors = db_column_int(stmt, 6),
        .streamed = db_column_int(stmt, 7),
        .attempts = db_column_int(stmt, 8),
        .input_tokens = db_column_int(stmt, 9),
        .output_tokens = db_column_int(stmt, 10),
        .cached_tokens = db_column_int(stmt, 11),
        .duration_ms = db_column_int(stmt, 12),
        .max_duration_ms = db_column_int(stmt, 13),
        .first_token_ms = db_column_int(stmt, 14),
        .first_token_calls = db_column_int(stmt, 15),
    };
}

enum status gateway_usage_read(struct store_tx *tx, const struct gateway_usage_query *query,
                               struct gateway_usage_report *report)
{
    struct row_list sums = {0};
    struct db_stmt *stmt = query_sums(tx, query);
    while (stmt && db_step(stmt) == DB_ROW)
        read_sum(stmt, ROW_LIST_ADD(&sums, tx->arena, struct gateway_usage_sum));
    *report = (struct gateway_usage_report){sums.items, sums.count};
    if (db_done(stmt) != OK)
        return FAILED;
    if (sums.count <= GATEWAY_USAGE_SUMS_MAX)
        return OK;
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "There would be more than %d sums: ask for a shorter time, longer buckets or one endpoint.",
        GATEWAY_USAGE_SUMS_MAX);
}
