#include <otlp_trace.pb-c.h>

#include "common/base/utf8.h"
#include "common/trace/otlp.h"

/* Everything is unpacked into the arena, which frees it in one go. */
static void *arena_allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void arena_leave(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

static ProtobufCAllocator allocator_of(struct arena *arena)
{
    return (ProtobufCAllocator){.alloc = arena_allocate, .free = arena_leave, .allocator_data = arena};
}

struct conversion {
    struct arena *arena;
    const char *problem; /* NULL while there is none */
};

static struct sv bytes_of(ProtobufCBinaryData data)
{
    return (struct sv){data.data ? (const char *)data.data : "", data.len};
}

static struct sv text_of(struct conversion *conversion, ProtobufCBinaryData data)
{
    struct sv text = bytes_of(data);
    if (!utf8_valid(text))
        conversion->problem = "a text is not UTF-8";
    return text;
}

/* Keys become names in JSON objects, where readers take no NUL. */
static struct sv key_of(struct conversion *conversion, ProtobufCBinaryData data)
{
    struct sv key = text_of(conversion, data);
    if (sv_find(key, '\0') < key.len)
        conversion->problem = "a key holds a NUL";
    return key;
}

static const struct otlp_attribute *convert_attributes(struct conversion *conversion,
                                                       Otlp__KeyValue *const *items, size_t count);

/* As deep as values are nested, which the scan has bounded. */
static struct otlp_value convert_value(struct conversion *conversion, const Otlp__AnyValue *value)
{
    struct otlp_value result = {.type = OTLP_NONE};
    if (!value)
        return result;
    switch (value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        result.type = OTLP_STRING;
        result.bytes = text_of(conversion, value->string_value);
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        result.type = OTLP_BOOL;
        result.boolean = value->bool_value != 0;
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        result.type = OTLP_INT;
        result.integer = value->int_value;
        break;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        result.type = OTLP_DOUBLE;
        result.real = value->double_value;
        break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE: {
        size_t count = value->array_value->n_values;
        struct otlp_value *items = ARENA_ARRAY(conversion->arena, struct otlp_value, count);
        for (size_t i = 0; i < count; i++)
            items[i] = convert_value(conversion, value->array_value->values[i]);
        result.type = OTLP_ARRAY;
        result.items = items;
        result.count = count;
        break;
    }
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        result.type = OTLP_OBJECT;
        result.count = value->kvlist_value->n_values;
        result.fields = convert_attributes(conversion, value->kvlist_value->values, result.count);
        break;
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        result.type = OTLP_BYTES;
        result.bytes = bytes_of(value->bytes_value);
        break;
    default:
        break;
    }
    return result;
}

static const struct otlp_attribute *convert_attributes(struct conversion *conversion,
                                                       Otlp__KeyValue *const *items, size_t count)
{
    struct otlp_attribute *attributes = ARENA_ARRAY(conversion->arena, struct otlp_attribute, count);
    for (size_t i = 0; i < count; i++) {
        attributes[i].key = key_of(conversion, items[i]->key);
        attributes[i].value = convert_value(conversion, items[i]->value);
    }
    return attributes;
}

static const struct otlp_event *convert_events(struct conversion *conversion, const Otlp__Span *span)
{
    struct otlp_event *events = ARENA_ARRAY(conversion->arena, struct otlp_event, span->n_events);
    for (size_t i = 0; i < span->n_events; i++) {
        const Otlp__Event *event = span->events[i];
        events[i] = (struct otlp_event){
            .name = text_of(conversion, event->name),
            .time = event->time_unix_nano,
            .attributes = convert_attributes(conversion, event->attributes, event->n_attributes),
            .attribute_count = event->n_attributes,
        };
    }
    return events;
}

static void convert_span(struct conversion *conversion, const Otlp__Span *span,
                         const struct otlp_resource *resource, struct otlp_span *result)
{
    *result = (struct otlp_span){
        .trace_id = bytes_of(span->trace_id),
        .span_id = bytes_of(span->span_id),
        .parent_span_id = bytes_of(span->parent_span_id),
        .name = text_of(conversion, span->name),
        .start_time = span->start_time_unix_nano,
        .end_time = span->end_time_unix_nano,
        .attributes = convert_attributes(conversion, span->attributes, span->n_attributes),
        .attribute_count = span->n_attributes,
        .events = convert_events(conversion, span),
        .event_count = span->n_events,
        .status_message = SV(""),
        .resource = resource,
    };
    if (span->status) {
        result->status_code = span->status->code;
        result->status_message = text_of(conversion, span->status->message);
    }
}

static size_t count_spans(const Otlp__ExportTraceServiceRequest *request)
{
    size_t count = 0;
    for (size_t r = 0; r < request->n_resource_spans; r++)
        for (size_t s = 0; s < request->resource_spans[r]->n_scope_spans; s++)
            count += request->resource_spans[r]->scope_spans[s]->n_spans;
    return count;
}

static void convert_export(struct conversion *conversion, const Otlp__ExportTraceServiceRequest *request,
                           struct otlp_export *export)
{
    struct otlp_span *spans = ARENA_ARRAY(conversion->arena, struct otlp_span, count_spans(request));
    size_t count = 0;
    for (size_t r = 0; r < request->n_resource_spans; r++) {
        const Otlp__ResourceSpans *group = request->resource_spans[r];
        struct otlp_resource *resource = ARENA_NEW(conversion->arena, struct otlp_resource);
        if (group->resource) {
            resource->attributes =
                convert_attributes(conversion, group->resource->attributes, group->resource->n_attributes);
            resource->attribute_count = group->resource->n_attributes;
        }
        for (size_t s = 0; s < group->n_scope_spans; s++)
            for (size_t i = 0; i < group->scope_spans[s]->n_spans; i++)
                convert_span(conversion, group->scope_spans[s]->spans[i], resource, &spans[count++]);
    }
    *export = (struct otlp_export){
        .resource_count = request->n_resource_spans,
        .spans = spans,
        .span_count = count,
    };
}

enum otlp_outcome otlp_from_protobuf(struct arena *arena, struct sv message, struct otlp_export *export,
                                     const char **problem)
{
    enum otlp_outcome outcome = otlp_scan(message, problem);
    if (outcome != OTLP_OK)
        return outcome;
    ProtobufCAllocator allocator = allocator_of(arena);
    const Otlp__ExportTraceServiceRequest *request = otlp__export_trace_service_request__unpack(
        &allocator, message.len, (const uint8_t *)(message.data ? message.data : ""));
    if (!request)
        return OTLP_BAD;
    struct conversion conversion = {.arena = arena};
    convert_export(&conversion, request, export);
    *problem = conversion.problem;
    return conversion.problem ? OTLP_BAD : OTLP_OK;
}

struct sv otlp_reply_protobuf(struct arena *arena, int64_t rejected, struct sv message)
{
    if (!rejected && !message.len)
        return SV("");
    Otlp__ExportTracePartialSuccess partial = OTLP__EXPORT_TRACE_PARTIAL_SUCCESS__INIT;
    Otlp__ExportTraceServiceResponse response = OTLP__EXPORT_TRACE_SERVICE_RESPONSE__INIT;
    partial.rejected_spans = rejected;
    partial.error_message.len = message.len;
    partial.error_message.data = (uint8_t *)arena_cstr(arena, message);
    response.partial_success = &partial;
    size_t size = otlp__export_trace_service_response__get_packed_size(&response);
    uint8_t *bytes = arena_alloc(arena, size + 1);
    otlp__export_trace_service_response__pack(&response, bytes);
    return (struct sv){(const char *)bytes, size};
}
