#include "common/search/page_token.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/base/number.h"
#include "common/json/json_read.h"
#include "common/json/json_write.h"
#include "common/search/quote.h"

#define TOKEN_FAIL(arena, error, ...) \
    error_set((error), (arena), INVALID_PARAMETER_VALUE, "Invalid page token, " __VA_ARGS__)

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t query_hash_add_int(uint64_t hash, int64_t part)
{
    return hash_bytes(hash ^ UINT64_C(0xcbf29ce484222325), &part, sizeof(part));
}

uint64_t query_hash_add(uint64_t hash, struct sv part)
{
    return hash_bytes(query_hash_add_int(hash, (int64_t)part.len), part.data, part.len);
}

/* --- Reading --- */

/* Python's decoder skips what is not in the alphabet. */
static struct sv decode(struct arena *arena, struct sv text)
{
    char *clean = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if ((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
            byte == '+' || byte == '/' || byte == '=')
            clean[len++] = byte;
    }
    return base64_decode(arena, (struct sv){clean, len});
}

static bool read_value(struct json_object *json, enum sort_type type, struct arena *arena,
                       struct sort_value *value)
{
    *value = (struct sort_value){.type = type};
    switch (json_object_get_type(json)) {
    case json_type_boolean: /* NaN is true, absence is null */
        value->class = SORT_NAN;
        return true;
    case json_type_null:
        value->class = SORT_ABSENT;
        return true;
    case json_type_int:
        value->integer = json_object_get_int64(json);
        return type == SORT_INT;
    case json_type_double:
        value->real = json_object_get_double(json);
        return type == SORT_DOUBLE && !isnan(value->real);
    case json_type_string:
        value->text = arena_copy(arena, json_string_view(json));
        return type == SORT_TEXT;
    default:
        return false;
    }
}

const struct sort_value *sort_values_read(struct arena *arena, struct json_object *array,
                                          const enum sort_type *types, size_t count)
{
    if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) != count)
        return NULL;
    struct sort_value *values = ARENA_ARRAY(arena, struct sort_value, count);
    for (size_t i = 0; i < count; i++)
        if (!read_value(json_object_array_get_idx(array, i), types[i], arena, &values[i]))
            return NULL;
    return values;
}

static void read_after(struct json_object *root, uint64_t query_hash, const enum sort_type *types,
                       size_t count, struct arena *arena, struct page_token *token)
{
    struct json_object *query = NULL;
    struct json_object *after = NULL;
    json_object_object_get_ex(root, "query", &query);
    json_object_object_get_ex(root, "after", &after);
    if (json_object_is_type(query, json_type_string) &&
        sv_equal(json_string_view(query), arena_printf(arena, "%016" PRIx64, query_hash)))
        token->after = sort_values_read(arena, after, types, count);
}

/* As Python prints a dict, as far as its values are simple. */
static struct sv python_dict(struct arena *arena, struct json_object *root)
{
    if (!json_object_is_type(root, json_type_object))
        return json_compact(arena, root, SEARCH_QUOTE_MAX);
    struct sv text = SV("{");
    size_t shown = 0;
    json_object_object_foreach(root, key, item)
    {
        struct sv value;
        if (!item)
            value = SV("None");
        else if (json_object_is_type(item, json_type_string))
            value = search_repr(arena, json_string_view(item));
        else if (json_object_is_type(item, json_type_boolean))
            value = json_object_get_boolean(item) ? SV("True") : SV("False");
        else
            value = json_compact(arena, item, SEARCH_QUOTE_MAX);
        text = arena_printf(arena, "%.*s%s%.*s: %.*s", SV_ARG(text), shown ? ", " : "",
                            SV_ARG(search_repr(arena, sv_from(key))), SV_ARG(value));
        if (++shown == 8)
            break;
    }
    return arena_printf(arena, "%.*s}", SV_ARG(text));
}

enum status page_token_read(struct arena *arena, struct error *error, struct sv text, uint64_t query_hash,
                            const enum sort_type *types, size_t count, struct page_token *token)
{
    *token = (struct page_token){0};
    if (!text.len)
        return OK;
    struct sv decoded = text.len <= PAGE_TOKEN_MAX ? decode(arena, text) : SV_ABSENT;
    if (!decoded.data)
        return TOKEN_FAIL(arena, error, "could not base64-decode");
    struct json_object *root = NULL;
    struct sv problem;
    if (json_parse(arena, decoded, &root, &problem) != JSON_OK)
        return TOKEN_FAIL(arena, error, "decoded value=%.*s", SV_ARG(search_repr_bytes(arena, decoded)));
    struct json_object *offset = NULL;
    if (json_object_is_type(root, json_type_object))
        json_object_object_get_ex(root, "offset", &offset);
    bool valid = json_object_is_type(offset, json_type_int) && json_object_get_int64(offset) > 0 &&
                 json_object_get_int64(offset) <= PAGE_OFFSET_MAX;
    if (!valid) {
        struct sv shown = python_dict(arena, root);
        json_object_put(root);
        return TOKEN_FAIL(arena, error, "parsed value=%.*s", SV_ARG(shown));
    }
    token->offset = json_object_get_int64(offset);
    read_after(root, query_hash, types, count, arena, token);
    json_object_put(root);
    return OK;
}

/* --- Writing --- */

void sort_values_write(struct json_writer *json, const struct sort_value *values, size_t count)
{
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        if (values[i].class == SORT_ABSENT)
            json_put_null(json);
        else if (values[i].class == SORT_NAN)
            json_put_bool(json, true);
        else if (values[i].type == SORT_INT)
            json_put_int(json, values[i].integer);
        else if (values[i].type == SORT_DOUBLE)
            json_put_double(json, values[i].real);
        else
            json_put_string(json, values[i].text);
    }
    json_end_array(json);
}

struct sv page_token_write(struct arena *arena, int64_t offset, uint64_t query_hash,
                           const struct sort_value *after, size_t count)
{
    struct sv hash = arena_printf(arena, "%016" PRIx64, query_hash);
    size_t capacity = 128;
    for (size_t i = 0; i < count; i++)
        capacity += 64 + 6 * after[i].text.len;
    if (capacity > PAGE_TOKEN_MAX / 4 * 3)
        capacity = PAGE_TOKEN_MAX / 4 * 3;
    char *plain = arena_alloc(arena, capacity);
    struct buffer json;
    struct json_writer writer;
    buffer_init(&json, capacity);
    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    json_put_int_field(&writer, "offset", offset);
    json_put_string_field(&writer, "query", hash);
    json_key(&writer, "after");
    sort_values_write(&writer, after, count);
    json_end_object(&writer);
    bool fits = !json.failed;
    size_t len = json.len;
    if (fits)
        memcpy(plain, json.data, len);
    buffer_free(&json);
    /* With values too long for a token the offset has to do. */
    struct sv text =
        fits ? (struct sv){plain, len} : arena_printf(arena, "{\"offset\": %" PRId64 "}", offset);
    return base64_encode(arena, text);
}
