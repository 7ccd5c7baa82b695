#include "common/json/json_read.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_check.h"
#include "common/json/json_escape.h"

/* The document with what json-c would bend replaced: integers beyond 64 bits, which it would clamp, get ".0".
 */
static struct sv apply_patches(struct arena *arena, const struct json_check *check)
{
    struct sv document = check->document;
    char *copy = arena_alloc(arena, document.len + check->patch_count * sizeof(check->patches->text));
    size_t len = 0;
    size_t from = 0;
    for (size_t i = 0; i < check->patch_count; i++) {
        const struct json_patch *patch = &check->patches[i];
        memcpy(copy + len, document.data + from, patch->at - from);
        len += patch->at - from;
        memcpy(copy + len, patch->text, patch->len);
        len += patch->len;
        from = patch->at + patch->drop;
    }
    memcpy(copy + len, document.data + from, document.len - from);
    return (struct sv){copy, len + document.len - from};
}

/* Text that the check has let pass, so json-c need not be strict, which from 0.18 on refuses all but ASCII in
 * strings. False only if memory ran out. */
static bool tokenise(struct sv text, bool root_is_null, struct json_object **root)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 1);
    if (!tokener)
        return false;
    *root = json_tokener_parse_ex(tokener, text.data, (int)text.len);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        *root = json_tokener_parse_ex(tokener, "", -1); /* ends a number at the outermost level */
    bool fine = json_tokener_get_error(tokener) == json_tokener_success && !*root == root_is_null;
    if (!fine) {
        json_object_put(*root);
        *root = NULL;
    }
    json_tokener_free(tokener);
    return fine;
}

enum json_outcome json_parse(struct arena *arena, struct sv text, struct json_object **root,
                             struct sv *problem)
{
    *root = NULL;
    *problem = SV_ABSENT;
    struct json_check check;
    enum json_outcome outcome = json_check(arena, text, &check);
    if (outcome == JSON_EMPTY)
        return outcome;
    if (outcome != JSON_OK) {
        *problem = arena_printf(arena, "%s at byte %zu", check.problem, check.problem_at);
        return outcome;
    }
    struct sv document = check.patch_count ? apply_patches(arena, &check) : check.document;
    if (document.len > INT_MAX) {
        *problem = SV("longer than 2 GiB");
        return JSON_TOO_BIG;
    }
    if (!tokenise(document, check.root_is_null, root)) {
        *problem = SV("more than the server's memory holds");
        return JSON_TOO_BIG;
    }
    return JSON_OK;
}

/* A text that takes no more than `limit` bytes and drops the rest. */
struct excerpt {
    struct arena *arena;
    char *data;
    size_t len;
    size_t limit;
};

static void put(struct excerpt *excerpt, struct sv text)
{
    struct sv part = sv_first(text, excerpt->limit - excerpt->len);
    if (part.len)
        memcpy(excerpt->data + excerpt->len, part.data, part.len);
    excerpt->len += part.len;
}

static bool is_full(const struct excerpt *excerpt)
{
    return excerpt->len == excerpt->limit;
}

static void put_string(struct excerpt *excerpt, struct sv text)
{
    put(excerpt, SV("\""));
    size_t offset = 0;
    while (offset < text.len && !is_full(excerpt)) {
        size_t run = json_plain_run(text, offset);
        put(excerpt, sv_first(sv_from_offset(text, offset), run));
        offset += run;
        if (offset == text.len)
            break;
        char escape[JSON_ESCAPE_MAX];
        size_t len = json_escape(text, &offset, escape);
        put(excerpt, (struct sv){escape, len});
    }
    put(excerpt, SV("\""));
}

static void put_double(struct excerpt *excerpt, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (isnan(value))
        put(excerpt, SV("NaN"));
    else if (isinf(value))
        put(excerpt, value > 0 ? SV("Infinity") : SV("-Infinity"));
    else
        put(excerpt, (struct sv){text, format_double(value, text)});
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static void put_value(struct excerpt *excerpt, struct json_object *value, unsigned depth);

static void put_object(struct excerpt *excerpt, struct json_object *object, unsigned depth)
{
    size_t count = (size_t)json_object_object_length(object);
    const char **names = ARENA_ARRAY(excerpt->arena, const char *, count);
    size_t i = 0;
    json_object_object_foreach(object, name, unused)
    {
        (void)unused;
        names[i++] = name;
    }
    qsort(names, count, sizeof(*names), compare_names);
    put(excerpt, SV("{"));
    for (i = 0; i < count && !is_full(excerpt); i++) {
        if (i)
            put(excerpt, SV(","));
        put_string(excerpt, sv_from(names[i]));
        put(excerpt, SV(":"));
        put_value(excerpt, json_object_object_get(object, names[i]), depth);
    }
    put(excerpt, SV("}"));
}

static void put_array(struct excerpt *excerpt, struct json_object *array, unsigned depth)
{
    size_t count = json_object_array_length(array);
    put(excerpt, SV("["));
    for (size_t i = 0; i < count && !is_full(excerpt); i++) {
        if (i)
            put(excerpt, SV(","));
        put_value(excerpt, json_object_array_get_idx(array, i), depth);
    }
    put(excerpt, SV("]"));
}

static void put_value(struct excerpt *excerpt, struct json_object *value, unsigned depth)
{
    if (is_full(excerpt) || depth > JSON_MAX_DEPTH)
        return;
    switch (json_object_get_type(value)) {
    case json_type_null:
        put(excerpt, SV("null"));
        break;
    case json_type_boolean:
        put(excerpt, json_object_get_boolean(value) ? SV("true") : SV("false"));
        break;
    case json_type_int:
        put(excerpt, sv_from(json_object_to_json_string(value)));
        break;
    case json_type_double:
        put_double(excerpt, json_object_get_double(value));
        break;
    case json_type_string:
        put_string(excerpt, json_string_view(value));
        break;
    case json_type_array:
        put_array(excerpt, value, depth + 1);
        break;
    case json_type_object:
        put_object(excerpt, value, depth + 1);
        break;
    }
}

struct sv json_compact(struct arena *arena, struct json_object *value, size_t limit)
{
    struct excerpt excerpt = {.arena = arena, .data = arena_alloc(arena, limit + 1), .limit = limit};
    put_value(&excerpt, value, 0);
    return (struct sv){excerpt.data, excerpt.len};
}

struct sv json_compact_string(struct arena *arena, struct sv text, size_t limit)
{
    struct excerpt excerpt = {.arena = arena, .data = arena_alloc(arena, limit + 1), .limit = limit};
    put_string(&excerpt, text);
    return (struct sv){excerpt.data, excerpt.len};
}

const char *json_python_type(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return "bool";
    case json_type_int:
        return "int";
    case json_type_double:
        return "float";
    case json_type_string:
        return "str";
    case json_type_array:
        return "list";
    case json_type_object:
        return "dict";
    case json_type_null:
        break;
    }
    return "NoneType";
}

struct sv json_string_view(struct json_object *value)
{
    return (struct sv){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}
