#ifndef TRACKLIGHT_SEARCH_PARSER_H
#define TRACKLIGHT_SEARCH_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/search/language.h"

/*     filter     = "" | comparison { [AND] comparison }
 *     comparison = identifier op value | identifier IS [NOT] NULL
 *     identifier = key | entity "." key       the entity ends at the first dot; quotes around the key are
 * dropped op         = > >= < <= = != LIKE ILIKE IN, NOT IN; words in any case value      = number | '…' |
 * "…" | ( '…', … )
 *
 * Quoted strings know no escapes: what stands between the outer quotes is the value. The whole takes linear
 * time and does not recurse. */

#define SEARCH_FILTER_MAX       (512 * 1024) /* bytes; room for the longest list of run ids */
#define SEARCH_CLAUSES_MAX      100
#define SEARCH_LIST_ITEMS_MAX   10000 /* of all lists of a filter together */
#define SEARCH_LIKE_PATTERN_MAX 20000 /* bytes */
#define SEARCH_ORDER_BY_MAX     20    /* clauses */
#define SEARCH_ORDER_CLAUSE_MAX 4096  /* bytes of one clause */

struct search_number {
    double real;
    bool is_integer; /* `integer` is exact */
    int64_t integer;
};

struct search_clause {
    const struct search_entity *entity;
    const struct search_key *fixed; /* of an entity with fixed keys, else NULL */
    struct sv key;                  /* without quotes */
    enum search_operator op;
    struct search_number number; /* of SEARCH_NUMBER keys */
    struct sv text;              /* of SEARCH_TEXT keys */
    const struct sv *items;      /* of SEARCH_IN, SEARCH_NOT_IN */
    size_t item_count;
};

struct search_filter {
    struct search_clause *clauses; /* all must hold */
    size_t count;
};

/* Absent and "" give no clauses. The views point into `text`. Errors: INVALID_PARAMETER_VALUE with MLflow's
 * texts. */
enum status search_parse_filter(struct arena *arena, struct error *error,
                                const struct search_language *language, struct sv text,
                                struct search_filter *filter);

struct search_order {
    const struct search_entity *entity;
    const struct search_key *fixed;
    struct sv key;
    bool descending;
};

struct search_order_by {
    struct search_order *items;
    size_t count;
};

/*     clause = identifier [ASC | DESC]        no blanks around; words in any case
 *
 * A key that comes a second time is an error if the language refuses duplicates, else it is dropped. */
enum status search_parse_order_by(struct arena *arena, struct error *error,
                                  const struct search_language *language, const struct sv *texts,
                                  size_t count, struct search_order_by *order_by);

#endif
