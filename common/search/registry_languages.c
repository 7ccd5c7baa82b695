#include "common/search/languages.h"

#define REGISTRY_TAGS                                                                               \
    {                                                                                               \
        .id = REGISTRY_TAG, .prefixes = (const char *const[]){"tag", "tags", NULL}, .label = "tag", \
        .type = SEARCH_TEXT, .operators = SEARCH_COMPARE_TEXTS,                                     \
    }

#define ENTITY_TYPES "Valid entity types are ('attribute', 'tag', 'tags')"
#define LIST_REFUSED "Only the 'run_id' attribute supports comparison with a list of quoted string values."

static const struct search_key model_attributes[] = {
    {"name", REGISTRY_KEY_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {0},
};

static const struct search_key model_order_keys[] = {
    {"name", REGISTRY_KEY_NAME, SEARCH_TEXT, 0, SEARCH_ORDER},
    {"timestamp", REGISTRY_KEY_LAST_UPDATE_TIME, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {"last_updated_timestamp", REGISTRY_KEY_LAST_UPDATE_TIME, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {0},
};

static const struct search_entity model_entities[] = {
    {
        .id = REGISTRY_ATTRIBUTE,
        .prefixes = (const char *const[]){"attribute", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = model_attributes,
    },
    REGISTRY_TAGS,
    {0},
};

const struct search_language model_language = {
    .entities = model_entities,
    .unprefixed = &model_entities[REGISTRY_ATTRIBUTE],
    .invalid_entity = ENTITY_TYPES,
    .list_refused = LIST_REFUSED,
    .text_wanted = "a quoted string value or a list of quoted string values",
    .order_keys = model_order_keys,
    .order_keys_shown = "'name', 'timestamp'",
    .refuses_duplicates = true,
    .ignores_spare_ands = true,
    .lacks_null_tests = true,
};

static const struct search_key version_attributes[] = {
    {"name", REGISTRY_KEY_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"run_id", REGISTRY_KEY_RUN_ID, SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_BIT(SEARCH_IN), SEARCH_FILTER},
    {"source_path", REGISTRY_KEY_SOURCE, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {"version_number", REGISTRY_KEY_VERSION, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER,
     .may_be_quoted = true},
    {"creation_timestamp", REGISTRY_KEY_CREATION_TIME, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {"last_updated_timestamp", REGISTRY_KEY_LAST_UPDATE_TIME, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {0},
};

static const struct search_entity version_entities[] = {
    {
        .id = REGISTRY_ATTRIBUTE,
        .prefixes = (const char *const[]){"attribute", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = version_attributes,
        .order = true,
    },
    REGISTRY_TAGS,
    {0},
};

const struct search_language model_version_language = {
    .entities = version_entities,
    .unprefixed = &version_entities[REGISTRY_ATTRIBUTE],
    .invalid_entity = ENTITY_TYPES,
    .list_refused = LIST_REFUSED,
    .number_refused =
        "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' attributes "
        "support comparison with numeric values.",
    .refused_order = "Invalid order_by entity: ",
    .refused_order_end = "",
    .refuses_duplicates = true,
    .ignores_spare_ands = true,
    .lacks_null_tests = true,
};
