#include "common/trace/span.h"

#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/json/json_dump.h"
#include "common/trace/attributes.h"
#include "common/trace/conventions.h"
#include "common/trace/value_text.h"

enum {
    TRACE_ID_BYTES = 16,
    SPAN_ID_BYTES = 8,
    ATTRIBUTES_MAX = 10000, /* of one span */
    TAG_KEY_MAX = 250,      /* code points */
    TAG_VALUE_MAX = 8000,
};

/* --- Ids --- */

static bool is_zero(struct sv id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i])
            return false;
    return true;
}

static struct sv hex_of(struct arena *arena, const char *prefix, struct sv bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t before = strlen(prefix);
    char *text = arena_alloc(arena, before + 2 * bytes.len + 1);
    memcpy(text, prefix, before);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        text[before + 2 * i] = digits[byte >> 4];
        text[before + 2 * i + 1] = digits[byte & 0xf];
    }
    return (struct sv){text, before + 2 * bytes.len};
}

static const char *check(const struct otlp_span *from)
{
    if (from->trace_id.len != TRACE_ID_BYTES || is_zero(from->trace_id))
        return "a trace id must be 16 bytes, not all of them zero";
    if (from->span_id.len != SPAN_ID_BYTES || is_zero(from->span_id))
        return "a span id must be 8 bytes, not all of them zero";
    if (!is_zero(from->parent_span_id) && from->parent_span_id.len != SPAN_ID_BYTES)
        return "the id of a parent must be 8 bytes";
    if (from->start_time > INT64_MAX || from->end_time > INT64_MAX)
        return "a time is later than the year 2262";
    if (from->attribute_count > ATTRIBUTES_MAX)
        return "a span may have 10000 attributes";
    return NULL;
}

/* --- Content --- */

static void add_number(struct arena_text *out, const char *before, uint64_t number)
{
    char text[96];
    int len = snprintf(text, sizeof(text), "%s%llu", before, (unsigned long long)number);
    arena_text_add(out, (struct sv){text, (size_t)len});
}

static void add_base64(struct arena_text *out, struct sv bytes)
{
    arena_text_add(out, SV("\""));
    arena_text_add(out, base64_encode(out->arena, bytes));
    arena_text_add(out, SV("\""));
}

static void add_events(struct arena_text *out, const struct otlp_span *from)
{
    arena_text_add(out, SV(", \"events\": ["));
    for (size_t i = 0; i < from->event_count; i++) {
        const struct otlp_event *event = &from->events[i];
        struct otlp_value values = {
            .type = OTLP_OBJECT, .count = event->attribute_count, .fields = event->attributes};
        arena_text_add(out, i ? SV(", {\"name\": ") : SV("{\"name\": "));
        json_dump_string(out, event->name);
        add_number(out, ", \"time_unix_nano\": ", event->time);
        arena_text_add(out, SV(", \"attributes\": "));
        value_add_json(out, &values);
        arena_text_add(out, SV("}"));
    }
    arena_text_add(out, SV("]"));
}

static struct sv status_code_name(enum span_status status)
{
    return status == SPAN_OK      ? SV("STATUS_CODE_OK")
           : status == SPAN_ERROR ? SV("STATUS_CODE_ERROR")
                                  : SV("STATUS_CODE_UNSET");
}

/* The span as MLflow writes it into traces.json: ids in base64, every attribute a JSON text in a string. */
static struct sv make_content(struct arena *arena, const struct otlp_span *from, const struct span_row *row,
                              const struct attributes *attributes)
{
    struct arena_text out;
    arena_text_init(&out, arena);
    arena_text_add(&out, SV("{\"trace_id\": "));
    add_base64(&out, from->trace_id);
    arena_text_add(&out, SV(", \"span_id\": "));
    add_base64(&out, from->span_id);
    arena_text_add(&out, SV(", \"parent_span_id\": "));
    if (row->parent_span_id.data)
        add_base64(&out, from->parent_span_id);
    else
        arena_text_add(&out, SV("null"));
    arena_text_add(&out, SV(", \"name\": "));
    json_dump_string(&out, from->name);
    add_number(&out, ", \"start_time_unix_nano\": ", (uint64_t)row->start_time);
    add_number(&out, ", \"end_time_unix_nano\": ", row->has_end_time ? (uint64_t)row->end_time : 0);
    add_events(&out, from);
    arena_text_add(&out, SV(", \"status\": {\"code\": \""));
    arena_text_add(&out, status_code_name(row->status));
    arena_text_add(&out, SV("\", \"message\": "));
    json_dump_string(&out, from->status_message);
    arena_text_add(&out, SV("}, \"attributes\": {"));
    for (size_t i = 0; i < attributes->count; i++) {
        if (i)
            arena_text_add(&out, SV(", "));
        json_dump_string(&out, attributes->items[i].key);
        arena_text_add(&out, SV(": "));
        json_dump_string(&out, attributes->items[i].text);
    }
    arena_text_add(&out, SV("}}"));
    return arena_text_sv(&out);
}

/* --- What a span says about its trace --- */

static struct sv word_of(const struct attributes *attributes, struct sv key)
{
    struct sv text = attributes_get(attributes, key);
    if (!text.data || value_is_falsy(text))
        return SV_ABSENT;
    return utf8_first(value_decoded(attributes->arena, text), TAG_VALUE_MAX);
}

static bool take_tag(struct trace_tag *tag, struct sv key, struct sv value)
{
    if (!key.len || utf8_length(key) > TAG_KEY_MAX)
        return false;
    *tag = (struct trace_tag){key, utf8_first(value, TAG_VALUE_MAX)};
    return true;
}

static void read_root(const struct attributes *attributes, struct trace_span *span)
{
    struct arena *arena = attributes->arena;
    struct sv inputs = attributes_get(attributes, SV(SPAN_INPUTS));
    struct sv outputs = attributes_get(attributes, SV(SPAN_OUTPUTS));
    if (inputs.data)
        span->request_preview = span_preview(arena, inputs, SV("user"));
    if (outputs.data)
        span->response_preview = span_preview(arena, outputs, SV("assistant"));
    struct sv prefix = SV(SPAN_TRACE_TAG);
    struct trace_tag *tags = NULL;
    for (size_t i = 0; i < attributes->count; i++) {
        const struct attribute *item = &attributes->items[i];
        if (!sv_starts_with(item->key, prefix))
            continue;
        if (!tags)
            tags = ARENA_ARRAY(arena, struct trace_tag, attributes->count - i);
        struct sv key = sv_from_offset(item->key, prefix.len);
        if (take_tag(&tags[span->tag_count], key, value_decoded(arena, item->text)))
            span->tag_count++;
    }
    span->tags = tags;
}

void resource_tags(struct arena *arena, const struct otlp_resource *resource, const struct trace_tag **tags,
                   size_t *count)
{
    *count = 0;
    size_t most = resource->attribute_count < ATTRIBUTES_MAX ? resource->attribute_count : ATTRIBUTES_MAX;
    struct trace_tag *taken = ARENA_ARRAY(arena, struct trace_tag, most);
    for (size_t i = 0; i < most; i++) {
        const struct otlp_attribute *item = &resource->attributes[i];
        if (sv_starts_with(item->key, SV("telemetry.sdk.")) || sv_starts_with(item->key, SV("mlflow.")))
            continue;
        struct sv value = value_decoded(arena, value_text(arena, &item->value));
        if (take_tag(&taken[*count], item->key, value))
            (*count)++;
    }
    *tags = taken;
}

static enum span_status status_of(int32_t code)
{
    return code == SPAN_OK || code == SPAN_ERROR ? (enum span_status)code : SPAN_UNSET;
}

bool span_prepare(struct arena *arena, const struct otlp_span *from, struct trace_span *span,
                  const char **problem)
{
    *problem = check(from);
    if (*problem)
        return false;
    struct attributes attributes;
    *span = (struct trace_span){.trace_id = hex_of(arena, "tr-", from->trace_id)};
    struct span_row *row = &span->row;
    *row = (struct span_row){
        .span_id = hex_of(arena, "", from->span_id),
        .name = from->name,
        .status = status_of(from->status_code),
        .start_time = (int64_t)from->start_time,
        .has_end_time = from->end_time != 0,
        .end_time = (int64_t)(from->end_time < from->start_time ? from->start_time : from->end_time),
    };
    if (!is_zero(from->parent_span_id))
        row->parent_span_id = hex_of(arena, "", from->parent_span_id);
    attributes_init(&attributes, arena, from->attributes, from->attribute_count);
    attributes_put(&attributes, SV(SPAN_TRACE_ID), arena_printf(arena, "\"%.*s\"", SV_ARG(span->trace_id)));
    conventions_translate(&attributes, row);
    span->session = word_of(&attributes, SV("session.id"));
    if (!span->session.data)
        span->session = word_of(&attributes, SV("gen_ai.conversation.id"));
    span->user = word_of(&attributes, SV("user.id"));
    if (!row->parent_span_id.data)
        read_root(&attributes, span);
    row->content = make_content(arena, from, row, &attributes);
    return true;
}
