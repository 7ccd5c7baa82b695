/* What json_parse accepts is sound: json-c's own serialisation of it is accepted again and means the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/json/json_write.h"

#define LIMIT 4096

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct sv copy_compact(struct arena *arena, struct json_object *value)
{
    struct sv text = json_compact(arena, value, LIMIT);
    require(text.len <= LIMIT);
    for (size_t i = 0; i < text.len; i++)
        require(text.data[i] >= 0x20 && text.data[i] < 0x7f);
    return text;
}

/* A whole string, written by the writer, reads back as itself. */
static void check_string(struct arena *arena, struct sv text)
{
    require(utf8_valid(text));
    struct buffer out;
    buffer_init(&out, 16 * text.len + 16);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_put_string(&writer, text);
    require(!out.failed);
    struct json_object *again;
    struct sv problem;
    require(json_parse(arena, buffer_sv(&out), &again, &problem) == JSON_OK);
    require(sv_equal(json_string_view(again), text));
    json_object_put(again);
    buffer_free(&out);
}

static void check_strings(struct arena *arena, struct json_object *value)
{
    if (json_object_is_type(value, json_type_string)) {
        check_string(arena, json_string_view(value));
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            check_strings(arena, json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, inner)
        {
            check_string(arena, sv_from(name));
            check_strings(arena, inner);
        }
    }
}

static void check_round_trip(struct arena *arena, struct json_object *root)
{
    size_t len = 0;
    const char *text = json_object_to_json_string_length(root, JSON_C_TO_STRING_PLAIN, &len);
    struct json_object *again;
    struct sv problem;
    require(json_parse(arena, (struct sv){text, len}, &again, &problem) == JSON_OK);
    require(sv_equal(copy_compact(arena, root), copy_compact(arena, again)));
    json_object_put(again);
}

/* What is dumped reads back as the same. */
static void check_dump(struct arena *arena, struct json_object *root, bool sorted)
{
    struct sv text = json_dump(arena, root, sorted);
    struct json_object *again;
    struct sv problem;
    require(json_parse(arena, text, &again, &problem) == JSON_OK);
    require(sv_equal(json_dump(arena, again, sorted), text));
    json_object_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256UL * 1024 * 1024);
    struct json_object *root;
    struct sv problem;
    enum json_outcome outcome = json_parse(arena, (struct sv){(const char *)data, size}, &root, &problem);
    require(outcome == JSON_OK || !root);
    require((outcome == JSON_BAD || outcome == JSON_TOO_BIG) == (problem.len > 0));
    if (outcome == JSON_OK) {
        check_strings(arena, root);
        check_dump(arena, root, false);
        check_dump(arena, root, true);
        if (root)
            check_round_trip(arena, root);
    }
    json_object_put(root);
    arena_free(arena);
    return 0;
}
