#include "common/search/languages.h"

#define TEXTS (SEARCH_COMPARE_TEXTS | SEARCH_BIT(SEARCH_RLIKE))
#define LIKES (SEARCH_BIT(SEARCH_LIKE) | SEARCH_BIT(SEARCH_ILIKE))
#define NUMBERS \
    (SEARCH_BIT(SEARCH_LT) | SEARCH_BIT(SEARCH_LE) | SEARCH_BIT(SEARCH_GT) | SEARCH_BIT(SEARCH_GE))

#define COLUMN SEARCH_TEXT, TEXTS | SEARCH_IN_LISTS
#define NUMBER SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER

static const struct search_key attributes[] = {
    {"request_id", TRACE_KEY_REQUEST_ID, COLUMN, SEARCH_FILTER_AND_ORDER},
    {"client_request_id", TRACE_KEY_CLIENT_REQUEST_ID, COLUMN, SEARCH_FILTER},
    {"status", TRACE_KEY_STATUS, COLUMN, SEARCH_FILTER_AND_ORDER},
    {"timestamp", TRACE_KEY_TIMESTAMP, NUMBER},
    {"timestamp_ms", TRACE_KEY_TIMESTAMP, NUMBER},
    {"execution_time", TRACE_KEY_EXECUTION_TIME, NUMBER},
    {"execution_time_ms", TRACE_KEY_EXECUTION_TIME, NUMBER},
    {"end_time", TRACE_KEY_END_TIME, NUMBER},
    {"end_time_ms", TRACE_KEY_END_TIME, NUMBER},
    {"experiment_id", TRACE_KEY_EXPERIMENT_ID, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {"name", TRACE_KEY_NAME, SEARCH_TEXT, TEXTS, SEARCH_FILTER_AND_ORDER},
    {"run_id", TRACE_KEY_RUN_ID, SEARCH_TEXT, TEXTS | SEARCH_NULL_TESTS, SEARCH_FILTER_AND_ORDER},
    {"prompt", TRACE_KEY_PROMPT, SEARCH_TEXT, SEARCH_BIT(SEARCH_EQ), SEARCH_FILTER,
     .equal_only = "prompts filter. Only '=' is supported with format: prompt = \"name/version\""},
    {"text", TRACE_KEY_TEXT, SEARCH_TEXT, LIKES, SEARCH_FILTER},
    {0},
};

static const struct search_key span_keys[] = {
    {"name", TRACE_KEY_SPAN_NAME, COLUMN, SEARCH_FILTER},
    {"type", TRACE_KEY_SPAN_TYPE, COLUMN, SEARCH_FILTER},
    {"status", TRACE_KEY_SPAN_STATUS, COLUMN, SEARCH_FILTER},
    {"content", TRACE_KEY_SPAN_CONTENT, SEARCH_TEXT, LIKES, SEARCH_FILTER},
    {0},
};

static const struct search_entity span_attribute = {
    .id = TRACE_SPAN_ATTRIBUTE,
    .prefixes = (const char *const[]){NULL},
    .label = "span attribute",
    .type = SEARCH_TEXT,
    .operators = TEXTS | SEARCH_IN_LISTS,
    .empty_key = "Span attribute name cannot be empty after 'attributes.'",
    .compared = "span.attributes",
};

static const struct search_entity entities[] = {
    {
        .id = TRACE_ATTRIBUTE,
        .prefixes = (const char *const[]){"trace", "attribute", "attributes", "attr", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = attributes,
        .order = true,
    },
    {
        .id = TRACE_TAG,
        .prefixes = (const char *const[]){"tag", "tags", NULL},
        .label = "tag",
        .type = SEARCH_TEXT,
        .operators = TEXTS | SEARCH_NULL_TESTS,
        .order = true,
    },
    {
        .id = TRACE_METADATA,
        .prefixes = (const char *const[]){"metadata", "request_metadata", NULL},
        .label = "request_metadata",
        .type = SEARCH_TEXT,
        .operators = TEXTS | SEARCH_NULL_TESTS,
        .order = true,
    },
    {
        .id = TRACE_SPAN,
        .prefixes = (const char *const[]){"span", NULL},
        .label = "span",
        .value_label = "span attributes",
        .keys = span_keys,
        .key_hint = "Supported attributes: name, status, type, attributes.<attribute_name>.",
        .compared = "span",
        .open_beginning = "attributes.",
        .open = &span_attribute,
    },
    {
        .id = TRACE_FEEDBACK,
        .prefixes = (const char *const[]){"feedback", NULL},
        .label = "feedback",
        .type = SEARCH_TEXT,
        .operators = TEXTS | NUMBERS | SEARCH_NULL_TESTS,
        .number_operators = NUMBERS,
        .empty_key = "Assessment field name cannot be empty",
        .compared = "assessment",
    },
    {
        .id = TRACE_EXPECTATION,
        .prefixes = (const char *const[]){"expectation", NULL},
        .label = "expectation",
        .type = SEARCH_TEXT,
        .operators = TEXTS | NUMBERS | SEARCH_NULL_TESTS,
        .number_operators = NUMBERS,
        .empty_key = "Assessment field name cannot be empty",
        .compared = "assessment",
    },
    {0},
};

const struct search_language trace_language = {
    .entities = entities,
    .unprefixed = &entities[TRACE_ATTRIBUTE],
    .invalid_entity = "Valid values are {'tag', 'request_metadata', 'attribute', 'span', 'feedback', "
                      "'expectation'}",
    .list_refused =
        "Only attributes in {'request_id', 'client_request_id', 'status'} supports comparison with "
        "a list of quoted string values.",
    .refused_order = "Invalid identifier type '",
    .refused_order_end = "'",
    .quotes_clauses = true,
    .names_comparators = true,
    .refuses_duplicates = true,
    .ignores_spare_ands = true,
    .has_rlike = true,
    .comparators_first = true,
};
