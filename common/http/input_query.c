#include "common/http/input_value.h"
#include "common/http/url.h"

static enum status fill_scalar(struct request *request, const struct field *field, struct sv text, void *slot)
{
    struct input_path path = {.name = field->name};
    if (field->required && !text.len)
        return input_fail_missing(request, &path);
    if (!text.data || input_store_text(field, text, slot))
        return OK;
    if (field->type == FIELD_BOOL) {
        struct sv excerpt = input_excerpt(text);
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid boolean value: %.*s, must be 'true' or 'false'.", SV_ARG(excerpt));
    }
    return input_fail_text(request, text, &path);
}

enum status input_fill_path_parameter(struct request *request, const struct field *field, void *slot)
{
    return fill_scalar(request, field, request_parameter(request, field->name), slot);
}

struct query {
    struct query_pair *pairs;
    size_t count;
};

static bool has_name(const struct query_pair *pair, const char *name)
{
    return name && sv_equal(pair->name, sv_from(name));
}

/* The first value of the name; absent if it does not occur. */
static struct sv first_value(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (has_name(&query->pairs[i], name))
            return query->pairs[i].value;
    return SV_ABSENT;
}

static enum status fill_list(struct request *request, const struct field *field, const struct query *query,
                             struct list *list)
{
    struct input_path path = {.name = field->name};
    const char *name = first_value(query, field->name).data ? field->name : field->alias;
    size_t count = 0;
    for (size_t i = 0; i < query->count; i++)
        count += has_name(&query->pairs[i], name);
    if (!count)
        return field->required ? input_fail_missing(request, &path) : OK;

    size_t size = input_element_size(field->type);
    char *items = arena_alloc_array(request->arena, count, size);
    size_t used = 0;
    for (size_t i = 0; i < query->count; i++) {
        if (!has_name(&query->pairs[i], name))
            continue;
        struct input_path element = {.parent = &path, .index = used};
        if (!input_store_text(field, query->pairs[i].value, items + used * size))
            return input_fail_text(request, query->pairs[i].value, &element);
        used++;
    }
    *list = (struct list){.set = true, .count = count, .items = items};
    return OK;
}

static enum status fill_field(struct request *request, const struct field *field, const struct query *query,
                              void *slot)
{
    switch (field->type) {
    case FIELD_STRINGS:
    case FIELD_IDS:
    case FIELD_INT64S:
        return fill_list(request, field, query, slot);
    case FIELD_OBJECT:
    case FIELD_OBJECTS:
    case FIELD_JSON: {
        /* A query string has no way to write these. */
        struct input_path path = {.name = field->name};
        return field->required ? input_fail_missing(request, &path) : OK;
    }
    default: {
        struct sv text = first_value(query, field->name);
        if (!text.data)
            text = first_value(query, field->alias);
        return fill_scalar(request, field, text, slot);
    }
    }
}

enum status input_fill_query(struct request *request, const struct field *fields, void *out)
{
    struct query query;
    if (!query_parse(request->arena, request->query, &query.pairs, &query.count))
        return fail(
            request, INVALID_PARAMETER_VALUE,
            "Bad Request. The query string must be percent-encoded UTF-8 and have at most %d parameters.",
            QUERY_MAX_PAIRS);
    for (const struct field *field = fields; field->name; field++) {
        void *slot = (char *)out + field->offset;
        enum status status = field->in_path ? input_fill_path_parameter(request, field, slot)
                                            : fill_field(request, field, &query, slot);
        if (status != OK)
            return status;
    }
    return OK;
}
