#include <math.h>

#include "common/store/search_pages.h"
#include "common/store/trace_search_internal.h"

/* How many traces fulfil all of the filters. */
static enum status count_traces(struct store_tx *tx, const struct experiment_ids *ids,
                                const struct search_filter *const *filters, size_t filter_count,
                                struct sql_text *sql, int64_t *count)
{
    *count = 0;
    for (size_t i = 0; i < ids->count; i++) {
        sql_text_clear(sql);
        sql_text_add(sql, "SELECT count(*) FROM traces t WHERE t.experiment = ?");
        sql_text_bind(sql, db_int(ids->items[i]));
        for (size_t j = 0; j < filter_count; j++)
            if (trace_conditions_add(tx, sql, ids->items[i], filters[j]) != OK)
                return FAILED;
        struct db_stmt *stmt = sql_text_query(sql, tx->db);
        if (!stmt)
            return FAILED;
        if (db_step(stmt) == DB_ROW)
            *count += db_column_int(stmt, 0);
        if (db_done(stmt) != OK)
            return FAILED;
    }
    return OK;
}

/* ln(p(1,2) / (p(1) p(2))) / -ln(p(1,2)) */
static double mutual_information(double joint, double first, double second, double total)
{
    double value = (log(joint * total) - log(first * second)) / -log(joint / total);
    return fmax(-1, fmin(1, value));
}

static void weigh(struct trace_correlation *found)
{
    int64_t joint = found->joint_count;
    int64_t first = found->filter_counts[0];
    int64_t second = found->filter_counts[1];
    int64_t total = found->total_count;
    found->npmi = found->npmi_smoothed = (double)NAN;
    if (first == 0 || second == 0 || joint > first || joint > second || total - first - second + joint < 0)
        return;
    if (first == joint && second == joint && total == joint) {
        found->npmi = found->npmi_smoothed = 1;
        return;
    }
    found->npmi =
        joint == 0 ? -1 : mutual_information((double)joint, (double)first, (double)second, (double)total);
    found->npmi_smoothed =
        mutual_information((double)joint + 0.5, (double)first + 1, (double)second + 1, (double)total + 2);
}

/* All of them together end up in one statement. */
static enum status check_size(struct store_tx *tx, const struct search_filter *filters, size_t count)
{
    size_t clauses = 0;
    size_t items = 0;
    for (size_t i = 0; i < count; i++) {
        clauses += filters[i].count;
        for (size_t j = 0; j < filters[i].count; j++)
            items += filters[i].clauses[j].item_count;
    }
    if (clauses > SEARCH_CLAUSES_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "The filters have too many clauses. Together they may have at most %d.",
                          SEARCH_CLAUSES_MAX);
    if (items > SEARCH_LIST_ITEMS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Lists in the filters may have at most %d items.",
                          SEARCH_LIST_ITEMS_MAX);
    return OK;
}

enum status trace_correlate(struct store_tx *tx, const struct trace_correlation_search *search,
                            struct trace_correlation *correlation)
{
    enum { BASE, FIRST, SECOND, FILTERS };
    struct search_filter filters[FILTERS];
    struct experiment_ids ids;
    struct sql_text sql;
    *correlation = (struct trace_correlation){0};
    if (experiment_ids_parse(tx, search->experiment_ids, search->experiment_count, search->readable, &ids) !=
            OK ||
        trace_filter_parse(tx, search->base_filter, &filters[BASE]) != OK ||
        trace_filter_parse(tx, search->filters[0], &filters[FIRST]) != OK ||
        trace_filter_parse(tx, search->filters[1], &filters[SECOND]) != OK ||
        check_size(tx, filters, FILTERS) != OK)
        return FAILED;
    sql_text_init(&sql, tx->arena);
    const struct search_filter *first[] = {&filters[BASE], &filters[FIRST]};
    const struct search_filter *second[] = {&filters[BASE], &filters[SECOND]};
    const struct search_filter *joint[] = {&filters[BASE], &filters[FIRST], &filters[SECOND]};
    if (count_traces(tx, &ids, first, 1, &sql, &correlation->total_count) != OK ||
        count_traces(tx, &ids, first, 2, &sql, &correlation->filter_counts[0]) != OK ||
        count_traces(tx, &ids, second, 2, &sql, &correlation->filter_counts[1]) != OK ||
        count_traces(tx, &ids, joint, 3, &sql, &correlation->joint_count) != OK)
        return FAILED;
    weigh(correlation);
    return OK;
}
