#include <string.h>

#include "common/artifacts/path.h"
#include "common/http/input_value.h"
#include "common/store/spans.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* The spans of a trace as a file, for the pages: what the store has of them, or what the client kept itself
 * as the artifact traces.json. */

#define SPAN_PAGE 10000

struct trace_in {
    struct sv request_id;
};

static const struct field trace_fields[] = {
    FIELD(struct trace_in, request_id, STRING),
    FIELDS_END,
};

static enum status put_span(struct request *request, int64_t trace, const struct span_place *place, bool *any)
{
    struct arena_mark mark = arena_mark(request->arena);
    struct sv content;
    if (span_content_load(request_tx(request), trace, place->span_id, &content) != OK)
        return FAILED;
    if (content.data) {
        buffer_append_sv(&request->reply.body, *any ? SV(", ") : SV(""));
        buffer_append_sv(&request->reply.body, content);
        *any = true;
    }
    arena_rewind(request->arena, mark);
    return OK;
}

/* Traces of which spans are still to come are sent as they are. */
static enum status send_spans(struct request *request, int64_t trace)
{
    struct span_place *places = ARENA_ARRAY(request->arena, struct span_place, SPAN_PAGE);
    struct span_place last;
    size_t count;
    bool any = false;
    reply_header(request, "content-disposition", SV("attachment; filename=traces.json"));
    reply_header(request, "cache-control", SV("no-cache"));
    reply_header(request, "content-security-policy", SV("sandbox; default-src 'none'"));
    reply_header(request, "x-content-type-options", SV("nosniff"));
    reply_text(request, 200, "text/plain", SV("{\"spans\": ["));
    for (const struct span_place *after = NULL;; after = &last) {
        if (span_page(request_tx(request), trace, after, places, SPAN_PAGE, &count) != OK)
            return FAILED;
        for (size_t i = 0; i < count; i++) {
            if (put_span(request, trace, &places[i], &any) != OK || reply_drain(request, false) != OK)
                return FAILED;
        }
        if (count < SPAN_PAGE)
            break;
        last = places[count - 1];
    }
    BUFFER_LITERAL(&request->reply.body, "]}");
    return OK;
}

/* Clients choose ids, and an id with slashes would lead elsewhere. The place is the experiment's to say: tags
 * are written by clients. */
static enum status send_file(struct request *request, const struct trace_info *info)
{
    struct artifact_place place;
    struct sv uri;
    bool has_folders = memchr(info->trace_id.data, '/', info->trace_id.len) != NULL;
    if (has_folders || !artifact_name_is_safe(request->arena, info->trace_id))
        return fail(request, NOT_FOUND, "Trace data not found for path=traces.json");
    if (trace_artifact_uri(request_tx(request), info, &uri) != OK || request_commit(request) != OK ||
        artifact_locate(request_artifacts(request), request->arena, &request->error, uri, &place) != OK)
        return FAILED;
    enum status status = send_artifact(request, &place, SV("traces.json"));
    if (status == OK || request->error.code != RESOURCE_DOES_NOT_EXIST)
        return status;
    error_clear(&request->error);
    return fail(request, NOT_FOUND, "Trace data not found for path=traces.json");
}

static enum status get_trace_artifact(struct request *request, const void *input)
{
    const struct trace_in *in = input;
    struct trace_info info;
    int64_t count = 0;
    if (!in->request_id.len)
        return fail(request, BAD_REQUEST, "Request must include the \"request_id\" query parameter.");
    if (request_begin(request, ACCESS_STREAM_READ) != OK ||
        trace_look_up(request_tx(request), in->request_id, &info) != OK)
        return FAILED;
    if (!info.id)
        return fail(request, RESOURCE_DOES_NOT_EXIST, "Trace with ID %.*s is not found.",
                    SV_ARG(input_excerpt(in->request_id)));
    if (span_count(request_tx(request), info.id, &count) != OK)
        return FAILED;
    return count > 0 ? send_spans(request, info.id) : send_file(request, &info);
}

#define ROW(root_)                                                                                   \
    {                                                                                                \
        .name = "getTraceArtifact", .area = "traces", .method = METHOD_GET, .root = ROOT_##root_,    \
        .path = "/mlflow/get-trace-artifact", .handler = get_trace_artifact, .access = ACCESS_NONE,  \
        .needs = NEEDS_IF(TRACE, READ, "request_id"), .input = INPUT(struct trace_in, trace_fields), \
        .raw_body = true,                                                                            \
    }

const struct operation trace_artifact_operations[] = {ROW(AJAX_2), ROW(AJAX_3), {.path = NULL}};
