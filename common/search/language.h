#ifndef TRACKLIGHT_SEARCH_LANGUAGE_H
#define TRACKLIGHT_SEARCH_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

/* A filter language is data: which entities may be named (metrics, params, attributes, …), under which
 * prefixes, with which keys, comparators and kinds of value. Parser and compilers are shared; each searchable
 * thing brings a table.
 */

enum search_operator {
    SEARCH_EQ,
    SEARCH_NE,
    SEARCH_LT,
    SEARCH_LE,
    SEARCH_GT,
    SEARCH_GE,
    SEARCH_LIKE,
    SEARCH_ILIKE,
    SEARCH_RLIKE, /* a regular expression */
    SEARCH_IN,
    SEARCH_NOT_IN,
    SEARCH_IS_NULL,
    SEARCH_IS_NOT_NULL,
    SEARCH_OPERATORS
};

#define SEARCH_BIT(operator_) (1U << (operator_))
#define SEARCH_COMPARE_NUMBERS                                                                       \
    (SEARCH_BIT(SEARCH_EQ) | SEARCH_BIT(SEARCH_NE) | SEARCH_BIT(SEARCH_LT) | SEARCH_BIT(SEARCH_LE) | \
     SEARCH_BIT(SEARCH_GT) | SEARCH_BIT(SEARCH_GE))
#define SEARCH_COMPARE_TEXTS \
    (SEARCH_BIT(SEARCH_EQ) | SEARCH_BIT(SEARCH_NE) | SEARCH_BIT(SEARCH_LIKE) | SEARCH_BIT(SEARCH_ILIKE))
#define SEARCH_IN_LISTS   (SEARCH_BIT(SEARCH_IN) | SEARCH_BIT(SEARCH_NOT_IN))
#define SEARCH_NULL_TESTS (SEARCH_BIT(SEARCH_IS_NULL) | SEARCH_BIT(SEARCH_IS_NOT_NULL))

enum search_type { SEARCH_NUMBER, SEARCH_TEXT };

enum search_usage { SEARCH_FILTER = 1, SEARCH_ORDER = 2, SEARCH_FILTER_AND_ORDER = 3 };

/* One spelling of a key of an entity whose keys are fixed. Aliases are further rows with the same id. */
struct search_key {
    const char *name;
    int id;
    enum search_type type;
    unsigned operators; /* SEARCH_BITs */
    enum search_usage usage;
    bool may_be_quoted;     /* a number that may also stand in quotes */
    bool may_be_bare;       /* a text that may also be a number without quotes */
    const char *equal_only; /* ends "Invalid comparator 'x' for …" of a key that knows only = */
};

struct search_entity {
    int id;
    const char *const *prefixes; /* what may stand before the dot; ends with NULL */
    const char *label;           /* in messages: "metric", "parameter" */
    const char *value_label;     /* in messages about values of fixed keys: "attributes" */
    const struct search_key
        *keys; /* ends with a NULL name; NULL: any key, of this type and with these operators */
    enum search_type type;
    unsigned operators;
    unsigned number_operators; /* of any key: those that want a number, although its type is text */
    bool order;
    const char *empty_key; /* the message for a key without a name; NULL: it is one like any other */
    const char *key_hint; /* "Invalid span attribute 'x'. …", where "Valid keys are" would not say it all */
    const char *compared; /* "span.x comparator '>' not one of …"; NULL: "Invalid comparator '>' not …" */
    /* Fixed keys, but behind this beginning of a key any, which are an entity of their own. */
    const char *open_beginning;
    const struct search_entity *open;
};

struct search_language {
    const struct search_entity *entities;   /* ends with a NULL label */
    const struct search_entity *unprefixed; /* of a key without a prefix */
    const char *invalid_entity;             /* end of "Invalid entity type 'x'. …" */
    const char *list_refused;               /* a list where the key takes none */
    const char *refused_order; /* before and after the label of an entity that cannot be ordered by */
    const char *refused_order_end;
    bool quotes_clauses; /* "Invalid clause(s) in filter string: 'OR'", or without the quotes */
    bool
        names_comparators; /* "Invalid comparator '>' not one of '{…}'", or "Invalid comparator for tag: >" */
    bool refuses_duplicates;    /* of order_by */
    bool ignores_spare_ands;    /* an AND that joins nothing is no fault */
    bool lacks_null_tests;      /* IS and NULL are words like any other */
    bool has_rlike;             /* else RLIKE is one too */
    bool comparators_first;     /* a comparator that a key lacks is named before its value is looked at */
    const char *text_wanted;    /* what a fixed key of text wants; NULL: "a quoted string value" */
    const char *number_refused; /* a number for a fixed key of text; NULL: as any wrong value */
    const struct search_key
        *order_keys;              /* the only keys of order_by, without prefixes; NULL: the entities' */
    const char *order_keys_shown; /* which of them a message lists */
    /* The logged models' way to put it: "Invalid entity type: 'x'. Expected one of …", "Invalid comparison
     * operator for params.x: '>'. Expected one of …", "Invalid filter string: '…'. Expected …". NULL: as
     * above.
     */
    const char *expected_entities;
    const char *expected_operators;
    const char *expected_clauses;
};

#endif
