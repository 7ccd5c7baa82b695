#ifndef TRACKLIGHT_STORE_TRACE_SEARCH_INTERNAL_H
#define TRACKLIGHT_STORE_TRACE_SEARCH_INTERNAL_H

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/sort_rows.h"
#include "common/store/sql_text.h"
#include "common/store/trace_search.h"
#include "common/store/traces.h"

/* A trace's status by its name. */
#define TRACE_STATUS_SQL                                                                                     \
    "CASE t.status WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' WHEN 3 THEN 'IN_PROGRESS' ELSE 'STATE_UNSPECIFIED' " \
    "END"

/* What a client orders by, and behind it the time and the id, so that no two rows are equal. */
#define TRACE_TERMS_MAX (SEARCH_ORDER_BY_MAX + 2)

struct trace_term {
    const char *column; /* NULL: the value of a tag or item of metadata */
    bool nullable;
    enum trace_name_kind kind;
    struct sv key;
    int64_t name; /* of the key, in the experiment at hand */
};

struct trace_query {
    struct store_tx *tx;
    struct search_filter filter;
    struct trace_term terms[TRACE_TERMS_MAX];
    bool descending[TRACE_TERMS_MAX];
    enum sort_type types[TRACE_TERMS_MAX];
    size_t term_count;
    const struct sort_value *after; /* NULL: from the start */
    size_t limit;
    struct sql_text sql;
    struct sort_rows *rows;
};

/* Parses a filter, and checks what the language itself does not. */
enum status trace_filter_parse(struct store_tx *tx, struct sv text, struct search_filter *filter);

/* Adds " AND …" for every clause to a statement about "traces t" of one experiment. */
enum status trace_conditions_add(struct store_tx *tx, struct sql_text *sql, int64_t experiment,
                                 const struct search_filter *filter);

/* How far searches over the contents of spans can do without reading them (span_index.h). */
struct trace_gate {
    bool exists; /* else the gates below add nothing */
    int64_t watermark;
    bool far_behind;
};
enum status trace_gate_open(struct store_tx *tx, struct trace_gate *gate);

/* Adds "… AND " to a statement about "traces t": what a trace must fulfil for a span of it to hold one of the
 * LIKE patterns, if that can be told; or to have an attribute as the clause wants it. */
#define TRACE_PATTERNS_MAX 3
void trace_gate_add_text(struct store_tx *tx, const struct trace_gate *gate, const struct sv *patterns,
                         size_t count, struct sql_text *sql);
void trace_gate_add_attribute(struct store_tx *tx, const struct trace_gate *gate,
                              const struct search_clause *clause, struct sql_text *sql);

/* Adds the first `limit` traces of one experiment behind `after` to the rows. */
enum status trace_query_search_experiment(struct trace_query *query, int64_t experiment);

#endif
