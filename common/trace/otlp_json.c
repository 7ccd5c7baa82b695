#include <math.h>

#include "common/base/id.h"
#include "common/base/number.h"
#include "common/json/json_read.h"
#include "common/trace/otlp.h"

/* The reader leaves off at the first thing that it cannot read. */
struct reading {
    struct arena *arena;
    const char *problem;
    unsigned depth; /* of values */
    bool too_big;
};

static bool give_up(struct reading *reading, const char *problem)
{
    if (!reading->problem)
        reading->problem = problem;
    return false;
}

/* NULL for a field that is absent or null, which mean the same. */
static struct json_object *field(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, name, &value);
    return value;
}

static bool is_object(struct json_object *value)
{
    return json_object_is_type(value, json_type_object);
}

/* The length of a list; 0 for one that is absent. */
static size_t list_length(struct reading *reading, struct json_object *list, const char *problem)
{
    if (!list)
        return 0;
    if (json_object_is_type(list, json_type_array))
        return json_object_array_length(list);
    give_up(reading, problem);
    return 0;
}

static struct sv read_text(struct reading *reading, struct json_object *value, const char *problem)
{
    if (!value)
        return SV("");
    if (json_object_is_type(value, json_type_string))
        return json_string_view(value);
    give_up(reading, problem);
    return SV("");
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static struct sv read_hex(struct reading *reading, struct json_object *value, const char *problem)
{
    struct sv text = read_text(reading, value, problem);
    char *bytes = arena_alloc(reading->arena, text.len / 2 + 1);
    if (text.len % 2)
        give_up(reading, problem);
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            give_up(reading, problem);
        else
            bytes[i / 2] = (char)(high << 4 | low);
    }
    return (struct sv){bytes, text.len / 2};
}

/* 64-bit integers come as texts, and from some senders as numbers. */
static int64_t read_integer(struct reading *reading, struct json_object *value, const char *problem)
{
    int64_t number = 0;
    if (!value)
        return 0;
    if (json_object_is_type(value, json_type_int)) {
        number = json_object_get_int64(value);
    } else if (json_object_is_type(value, json_type_double)) {
        double real = json_object_get_double(value);
        if (real != floor(real) || fabs(real) > 9007199254740992.0)
            give_up(reading, problem);
        else
            number = (int64_t)real;
    } else if (!json_object_is_type(value, json_type_string) ||
               !parse_int64(json_string_view(value), INT64_MIN, INT64_MAX, &number)) {
        give_up(reading, problem);
    }
    return number;
}

static uint64_t read_time(struct reading *reading, struct json_object *value, const char *problem)
{
    int64_t time = read_integer(reading, value, problem);
    if (time < 0)
        give_up(reading, problem);
    return time < 0 ? 0 : (uint64_t)time;
}

static double read_double(struct reading *reading, struct json_object *value)
{
    double number = 0;
    if (json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int))
        return json_object_get_double(value);
    if (!json_object_is_type(value, json_type_string) || !parse_double(json_string_view(value), &number))
        give_up(reading, "a doubleValue is no number");
    return number;
}

static const struct otlp_attribute *read_attributes(struct reading *reading, struct json_object *list,
                                                    size_t *count);

static void read_array(struct reading *reading, struct json_object *array, struct otlp_value *result);

/* Of several members the last in this order counts. */
static struct otlp_value read_value(struct reading *reading, struct json_object *value)
{
    struct otlp_value result = {.type = OTLP_NONE};
    if (!value)
        return result;
    struct json_object *member;
    if (!is_object(value)) {
        give_up(reading, "a value is not an object");
        return result;
    }
    if (++reading->depth > OTLP_MAX_DEPTH) {
        reading->too_big = true;
        give_up(reading, "values are nested too deeply");
    } else if ((member = field(value, "stringValue")) != NULL) {
        result.type = OTLP_STRING;
        result.bytes = read_text(reading, member, "a stringValue is no text");
    } else if ((member = field(value, "boolValue")) != NULL) {
        result.type = OTLP_BOOL;
        result.boolean = json_object_get_boolean(member);
        if (!json_object_is_type(member, json_type_boolean))
            give_up(reading, "a boolValue is neither true nor false");
    } else if ((member = field(value, "intValue")) != NULL) {
        result.type = OTLP_INT;
        result.integer = read_integer(reading, member, "an intValue is no integer");
    } else if ((member = field(value, "doubleValue")) != NULL) {
        result.type = OTLP_DOUBLE;
        result.real = read_double(reading, member);
    } else if ((member = field(value, "arrayValue")) != NULL) {
        read_array(reading, member, &result);
    } else if ((member = field(value, "kvlistValue")) != NULL) {
        result.type = OTLP_OBJECT;
        if (is_object(member))
            result.fields = read_attributes(reading, field(member, "values"), &result.count);
        else
            give_up(reading, "a kvlistValue is not an object");
    } else if ((member = field(value, "bytesValue")) != NULL) {
        struct sv text = read_text(reading, member, "a bytesValue is no text");
        result.type = OTLP_BYTES;
        result.bytes = text.len ? base64_decode(reading->arena, text) : SV("");
        if (!result.bytes.data)
            give_up(reading, "a bytesValue is not base64");
    }
    reading->depth--;
    return result;
}

static void read_array(struct reading *reading, struct json_object *array, struct otlp_value *result)
{
    result->type = OTLP_ARRAY;
    if (!is_object(array)) {
        give_up(reading, "an arrayValue is not an object");
        return;
    }
    struct json_object *list = field(array, "values");
    size_t count = list_length(reading, list, "the values of an arrayValue are no list");
    struct otlp_value *items = ARENA_ARRAY(reading->arena, struct otlp_value, count);
    for (size_t i = 0; i < count; i++)
        items[i] = read_value(reading, json_object_array_get_idx(list, i));
    result->items = items;
    result->count = count;
}

static const struct otlp_attribute *read_attributes(struct reading *reading, struct json_object *list,
                                                    size_t *count)
{
    *count = list_length(reading, list, "attributes are no list");
    struct otlp_attribute *attributes = ARENA_ARRAY(reading->arena, struct otlp_attribute, *count);
    for (size_t i = 0; i < *count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!is_object(item)) {
            give_up(reading, "an attribute is not an object");
            continue;
        }
        attributes[i].key = read_text(reading, field(item, "key"), "the key of an attribute is no text");
        attributes[i].value = read_value(reading, field(item, "value"));
    }
    return attributes;
}

static const struct otlp_event *read_events(struct reading *reading, struct json_object *list, size_t *count)
{
    *count = list_length(reading, list, "events are no list");
    struct otlp_event *events = ARENA_ARRAY(reading->arena, struct otlp_event, *count);
    for (size_t i = 0; i < *count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!is_object(item)) {
            give_up(reading, "an event is not an object");
            continue;
        }
        struct otlp_event *event = &events[i];
        event->name = read_text(reading, field(item, "name"), "the name of an event is no text");
        event->time =
            read_time(reading, field(item, "timeUnixNano"), "the timeUnixNano of an event is no time");
        event->attributes = read_attributes(reading, field(item, "attributes"), &event->attribute_count);
    }
    return events;
}

static void read_span(struct reading *reading, struct json_object *item, struct otlp_span *span)
{
    *span = (struct otlp_span){
        .trace_id = read_hex(reading, field(item, "traceId"), "a traceId is not hexadecimal"),
        .span_id = read_hex(reading, field(item, "spanId"), "a spanId is not hexadecimal"),
        .parent_span_id = read_hex(reading, field(item, "parentSpanId"), "a parentSpanId is not hexadecimal"),
        .name = read_text(reading, field(item, "name"), "the name of a span is no text"),
        .start_time = read_time(reading, field(item, "startTimeUnixNano"), "a startTimeUnixNano is no time"),
        .end_time = read_time(reading, field(item, "endTimeUnixNano"), "an endTimeUnixNano is no time"),
        .status_message = SV(""),
    };
    span->attributes = read_attributes(reading, field(item, "attributes"), &span->attribute_count);
    span->events = read_events(reading, field(item, "events"), &span->event_count);
    struct json_object *status = field(item, "status");
    if (!status)
        return;
    if (!is_object(status)) {
        give_up(reading, "the status of a span is not an object");
        return;
    }
    int64_t code = read_integer(reading, field(status, "code"), "the code of a status is no number");
    span->status_code = code >= 0 && code <= 2 ? (int32_t)code : 0;
    span->status_message = read_text(reading, field(status, "message"), "the message of a status is no text");
}

/* Every item of a list of objects below `object`; false once the reading has failed. */
static struct json_object *item_of(struct reading *reading, struct json_object *list, size_t index)
{
    struct json_object *item = json_object_array_get_idx(list, index);
    if (is_object(item))
        return item;
    give_up(reading, "an item of resourceSpans, scopeSpans or spans is not an object");
    return NULL;
}

static void read_scope(struct reading *reading, struct json_object *scope,
                       const struct otlp_resource *resource, struct otlp_span *spans, size_t *count)
{
    struct json_object *list = field(scope, "spans");
    size_t length = list_length(reading, list, "spans are no list");
    for (size_t i = 0; i < length && !reading->problem; i++) {
        struct json_object *item = item_of(reading, list, i);
        if (!item)
            return;
        read_span(reading, item, &spans[*count]);
        spans[(*count)++].resource = resource;
    }
}

static void read_group(struct reading *reading, struct json_object *group, struct otlp_span *spans,
                       size_t *count)
{
    struct otlp_resource *resource = ARENA_NEW(reading->arena, struct otlp_resource);
    struct json_object *given = field(group, "resource");
    if (given && !is_object(given))
        give_up(reading, "a resource is not an object");
    else if (given)
        resource->attributes =
            read_attributes(reading, field(given, "attributes"), &resource->attribute_count);
    struct json_object *scopes = field(group, "scopeSpans");
    size_t length = list_length(reading, scopes, "scopeSpans are no list");
    for (size_t i = 0; i < length && !reading->problem; i++) {
        struct json_object *scope = item_of(reading, scopes, i);
        if (scope)
            read_scope(reading, scope, resource, spans, count);
    }
}

/* An upper bound that costs little: what is no list or object counts as nothing, and is refused later. */
static size_t count_spans(struct json_object *groups)
{
    size_t count = 0;
    for (size_t g = 0; g < json_object_array_length(groups); g++) {
        struct json_object *group = json_object_array_get_idx(groups, g);
        struct json_object *scopes = is_object(group) ? field(group, "scopeSpans") : NULL;
        if (!json_object_is_type(scopes, json_type_array))
            continue;
        for (size_t s = 0; s < json_object_array_length(scopes); s++) {
            struct json_object *scope = json_object_array_get_idx(scopes, s);
            struct json_object *spans = is_object(scope) ? field(scope, "spans") : NULL;
            if (json_object_is_type(spans, json_type_array))
                count += json_object_array_length(spans);
        }
    }
    return count;
}

enum otlp_outcome otlp_from_json(struct arena *arena, struct json_object *root, struct otlp_export *export,
                                 const char **problem)
{
    *export = (struct otlp_export){0};
    *problem = "the body is not an object";
    if (!is_object(root))
        return OTLP_BAD;
    struct reading reading = {.arena = arena};
    struct json_object *groups = field(root, "resourceSpans");
    export->resource_count = list_length(&reading, groups, "resourceSpans are no list");
    size_t expected = export->resource_count ? count_spans(groups) : 0;
    if (expected > OTLP_MAX_SPANS) {
        *problem = "there are too many spans";
        return OTLP_TOO_BIG;
    }
    struct otlp_span *spans = ARENA_ARRAY(arena, struct otlp_span, expected);
    for (size_t g = 0; g < export->resource_count && !reading.problem; g++) {
        struct json_object *group = item_of(&reading, groups, g);
        if (group)
            read_group(&reading, group, spans, &export->span_count);
    }
    export->spans = spans;
    *problem = reading.problem;
    if (!reading.problem)
        return OTLP_OK;
    return reading.too_big ? OTLP_TOO_BIG : OTLP_BAD;
}
