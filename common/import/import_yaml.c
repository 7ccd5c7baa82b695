#include "common/import/import_yaml.h"

#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/number.h"

#define MAX_DEPTH 32

struct reading {
    yaml_parser_t parser;
    bool failed;
};

static bool next(struct reading *reading, yaml_event_t *event)
{
    if (!reading->failed && !yaml_parser_parse(&reading->parser, event))
        reading->failed = true;
    return !reading->failed;
}

static bool is_one_of(struct sv text, const char *const *words)
{
    for (; *words; words++)
        if (sv_equal(text, sv_from(*words)))
            return true;
    return false;
}

static struct json_object *plain_scalar(struct sv text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const truths[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const falsehoods[] = {"false", "False", "FALSE", "no",  "No",
                                             "NO",    "off",   "Off",   "OFF", NULL};
    int64_t integer;
    double number;
    if (is_one_of(text, nulls))
        return NULL;
    if (is_one_of(text, truths) || is_one_of(text, falsehoods))
        return json_object_new_boolean(is_one_of(text, truths));
    if (parse_int64(text, INT64_MIN, INT64_MAX, &integer))
        return json_object_new_int64(integer);
    if (sv_equal(text, SV(".nan")) || sv_equal(text, SV(".NaN")))
        return json_object_new_double((double)NAN);
    bool looks_like_number = text.len && strchr("+-.0123456789", text.data[0]);
    if (looks_like_number && parse_double(text, &number))
        return json_object_new_double(number);
    return json_object_new_string_len(text.data, (int)text.len);
}

static struct json_object *scalar(const yaml_event_t *event)
{
    struct sv text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return plain_scalar(text);
    return json_object_new_string_len(text.data, (int)text.len);
}

static struct json_object *read_value(struct reading *reading, const yaml_event_t *event, unsigned depth);

static struct json_object *read_mapping(struct reading *reading, unsigned depth)
{
    struct json_object *object = json_object_new_object();
    for (;;) {
        yaml_event_t key, value;
        if (!next(reading, &key))
            return object;
        bool is_key = key.type == YAML_SCALAR_EVENT;
        if (!is_key) {
            reading->failed = reading->failed || key.type != YAML_MAPPING_END_EVENT;
            yaml_event_delete(&key);
            return object;
        }
        if (next(reading, &value)) {
            json_object_object_add(object, (const char *)key.data.scalar.value,
                                   read_value(reading, &value, depth + 1));
            yaml_event_delete(&value);
        }
        yaml_event_delete(&key);
    }
}

static struct json_object *read_sequence(struct reading *reading, unsigned depth)
{
    struct json_object *array = json_object_new_array();
    for (;;) {
        yaml_event_t event;
        if (!next(reading, &event))
            return array;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end)
            json_object_array_add(array, read_value(reading, &event, depth + 1));
        yaml_event_delete(&event);
        if (end)
            return array;
    }
}

static struct json_object *read_value(struct reading *reading, const yaml_event_t *event, unsigned depth)
{
    if (depth > MAX_DEPTH)
        reading->failed = true;
    if (reading->failed)
        return NULL;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar(event);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(reading, depth);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(reading, depth);
    default:
        reading->failed = true;
        return NULL;
    }
}

struct json_object *import_yaml(struct sv text)
{
    struct reading reading = {0};
    struct json_object *root = NULL;
    yaml_event_t event;
    if (!yaml_parser_initialize(&reading.parser))
        abort();
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text.data, text.len);
    /* Stream and document begin before the first value. */
    for (bool found = false; !found && next(&reading, &event);) {
        bool begins = event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT;
        found = !begins;
        if (found)
            root = read_value(&reading, &event, 0);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&reading.parser);
    if (reading.failed) {
        json_object_put(root);
        return NULL;
    }
    return root;
}
