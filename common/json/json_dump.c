#include "common/json/json_dump.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_escape.h"
#include "common/json/json_read.h"

struct dump {
    struct arena_text text;
    bool sorted;
};

static void put(struct dump *dump, struct sv text)
{
    arena_text_add(&dump->text, text);
}

void json_dump_string(struct arena_text *out, struct sv text)
{
    size_t offset = 0;
    arena_text_add(out, SV("\""));
    while (offset < text.len) {
        size_t plain = json_plain_run(text, offset);
        arena_text_add(out, sv_first(sv_from_offset(text, offset), plain));
        offset += plain;
        if (offset < text.len) {
            char escape[JSON_ESCAPE_MAX];
            size_t len = json_escape(text, &offset, escape);
            arena_text_add(out, (struct sv){escape, len});
        }
    }
    arena_text_add(out, SV("\""));
}

/* An integer that 64 bits do not hold was read as a double that remembers its digits, with ".0" behind them.
 * Absent for any other number. */
static struct sv wide_integer(struct json_object *number)
{
    static const double two_to_63 = 9223372036854775808.0;
    if (fabs(json_object_get_double(number)) < two_to_63)
        return SV_ABSENT;
    struct sv text = sv_from(json_object_to_json_string(number));
    if (!sv_ends_with(text, SV(".0")))
        return SV_ABSENT;
    struct sv digits = sv_first(text, text.len - 2);
    for (size_t i = digits.data[0] == '-'; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return SV_ABSENT;
    }
    return digits;
}

bool json_is_integer(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           (json_object_is_type(value, json_type_double) && wide_integer(value).data);
}

static void put_double(struct dump *dump, struct json_object *number)
{
    double value = json_object_get_double(number);
    char text[DOUBLE_TEXT_MAX];
    struct sv wide = wide_integer(number);
    if (wide.data)
        put(dump, wide);
    else if (isnan(value))
        put(dump, SV("NaN"));
    else if (isinf(value))
        put(dump, value > 0 ? SV("Infinity") : SV("-Infinity"));
    else
        put(dump, (struct sv){text, format_double(value, text)});
}

struct member {
    const char *name;
    struct json_object *value;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    return strcmp(left->name, right->name);
}

static void put_value(struct dump *dump, struct json_object *value);

static void put_object(struct dump *dump, struct json_object *object)
{
    size_t count = (size_t)json_object_object_length(object);
    struct member *members = ARENA_ARRAY(dump->text.arena, struct member, count);
    size_t i = 0;
    json_object_object_foreach(object, name, value)
    {
        members[i++] = (struct member){name, value};
    }
    if (dump->sorted && count)
        qsort(members, count, sizeof(*members), compare_members);
    put(dump, SV("{"));
    for (i = 0; i < count; i++) {
        if (i)
            put(dump, SV(", "));
        json_dump_string(&dump->text, sv_from(members[i].name));
        put(dump, SV(": "));
        put_value(dump, members[i].value);
    }
    put(dump, SV("}"));
}

static void put_array(struct dump *dump, struct json_object *array)
{
    size_t count = json_object_array_length(array);
    put(dump, SV("["));
    for (size_t i = 0; i < count; i++) {
        if (i)
            put(dump, SV(", "));
        put_value(dump, json_object_array_get_idx(array, i));
    }
    put(dump, SV("]"));
}

/* The parser bounds the depth. */
static void put_value(struct dump *dump, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        put(dump, SV("null"));
        break;
    case json_type_boolean:
        put(dump, json_object_get_boolean(value) ? SV("true") : SV("false"));
        break;
    case json_type_int:
        put(dump, sv_from(json_object_to_json_string(value)));
        break;
    case json_type_double:
        put_double(dump, value);
        break;
    case json_type_string:
        json_dump_string(&dump->text, json_string_view(value));
        break;
    case json_type_array:
        put_array(dump, value);
        break;
    case json_type_object:
        put_object(dump, value);
        break;
    }
}

struct sv json_dump(struct arena *arena, struct json_object *value, bool sorted)
{
    struct dump dump = {.sorted = sorted};
    arena_text_init(&dump.text, arena);
    put_value(&dump, value);
    return arena_text_sv(&dump.text);
}

static void put_number(struct json_writer *writer, struct json_object *number)
{
    double value = json_object_get_double(number);
    /* Where a number was parsed, json-c keeps its text as the userdata (json_object_new_double_s). */
    const char *parsed = json_object_get_userdata(number);
    struct sv wide = wide_integer(number);
    if (isnan(value) || isinf(value))
        json_put_null(writer);
    else if (wide.data)
        json_put_raw(writer, wide);
    else if (parsed)
        json_put_raw(writer, sv_from(parsed));
    else
        json_put_double(writer, value);
}

static void put_integer(struct json_writer *writer, struct json_object *number)
{
    int64_t value = json_object_get_int64(number);
    if (value == INT64_MAX && json_object_get_uint64(number) > INT64_MAX)
        json_put_raw(writer, sv_from(json_object_to_json_string(number)));
    else
        json_put_int(writer, value);
}

/* The parser bounds the depth. */
void json_put_value(struct json_writer *writer, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        json_put_null(writer);
        break;
    case json_type_boolean:
        json_put_bool(writer, json_object_get_boolean(value));
        break;
    case json_type_int:
        put_integer(writer, value);
        break;
    case json_type_double:
        put_number(writer, value);
        break;
    case json_type_string:
        json_put_string(writer, json_string_view(value));
        break;
    case json_type_array:
        json_begin_array(writer);
        for (size_t i = 0; i < json_object_array_length(value); i++)
            json_put_value(writer, json_object_array_get_idx(value, i));
        json_end_array(writer);
        break;
    case json_type_object:
        json_begin_object(writer);
        json_object_object_foreach(value, name, member)
        {
            json_key(writer, name);
            json_put_value(writer, member);
        }
        json_end_object(writer);
        break;
    }
}
