#include "common/json/json_read.h"
#include "common/store/trace_ingest.h"
#include "common/trace/inflate.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

/* POST /v1/traces: spans by OTLP/HTTP (OpenTelemetry protocol 1.x, section OTLP/HTTP). Its errors look like
 * those of MLflow's, {"detail": …}; a reply is in the encoding of its request. */

enum encoding { PROTOBUF, JSON, OTHER };

static const char *const encoding_types[] = {"application/x-protobuf", "application/json"};

enum { UNPROCESSABLE = 422, CONTENT_TOO_LARGE = 413 };

static enum status refuse(struct request *request, int status, struct sv detail)
{
    struct json_writer *json = reply_json(request);
    request->reply.status = status;
    json_begin_object(json);
    json_put_string_field(json, "detail", detail);
    json_end_object(json);
    return OK;
}

static enum status refuse_missing_experiment(struct request *request)
{
    struct json_writer *json = reply_json(request);
    request->reply.status = UNPROCESSABLE;
    json_begin_object(json);
    json_key(json, "detail");
    json_begin_array(json);
    json_begin_object(json);
    json_put_string_field(json, "type", SV("missing"));
    json_key(json, "loc");
    json_begin_array(json);
    json_put_string(json, SV("header"));
    json_put_string(json, SV("x-mlflow-experiment-id"));
    json_end_array(json);
    json_put_string_field(json, "msg", SV("Field required"));
    json_key(json, "input");
    json_put_null(json);
    json_end_object(json);
    json_end_array(json);
    json_end_object(json);
    return OK;
}

/* --- Reading --- */

static enum encoding encoding_of(struct sv content_type)
{
    struct sv type = sv_trim(sv_cut(&content_type, ';'));
    if (sv_equal_ignoring_case(type, sv_from(encoding_types[PROTOBUF])))
        return PROTOBUF;
    return sv_equal_ignoring_case(type, sv_from(encoding_types[JSON])) ? JSON : OTHER;
}

/* On success the request's body is what the sender packed; otherwise false, and the refusal is written. */
static bool unpack_body(struct request *request)
{
    struct sv name = request_header(request, "content-encoding");
    enum inflate_coding coding = inflate_coding_of(name);
    if (coding == INFLATE_IDENTITY)
        return true;
    if (coding == INFLATE_UNKNOWN) {
        refuse(request, 400,
               arena_printf(request->arena, "Unsupported Content-Encoding: %.*s",
                            SV_ARG(sv_first(name, ERROR_VALUE_LIMIT))));
        return false;
    }
    struct buffer out;
    buffer_init(&out, OTLP_MAX_BYTES);
    enum inflate_outcome outcome = inflate_body(coding, request->body, &out);
    /* The request owns the memory of its body. */
    struct buffer packed = request->body_buffer;
    request->body_buffer = out;
    request->body_buffer.ceiling = packed.ceiling;
    request->body = buffer_sv(&out);
    buffer_free(&packed);
    if (outcome == INFLATE_OK)
        return true;
    if (outcome == INFLATE_BAD)
        refuse(request, 400,
               arena_printf(request->arena, "Failed to decompress %s payload", inflate_coding_name(coding)));
    else if (outcome == INFLATE_TOO_BIG)
        refuse(request, CONTENT_TOO_LARGE,
               arena_printf(request->arena,
                            "The request body unpacks to more than the %ld bytes that are accepted. Send "
                            "fewer spans at a time.",
                            OTLP_MAX_BYTES));
    else
        refuse(request, 503, SV("The server has no memory for the request body. Try again later."));
    return false;
}

static enum otlp_outcome decode(struct request *request, enum encoding encoding, struct otlp_export *export,
                                const char **problem)
{
    if (encoding == PROTOBUF)
        return otlp_from_protobuf(request->arena, request->body, export, problem);
    struct sv why;
    switch (json_parse(request->arena, request->body, &request->json, &why)) {
    case JSON_OK:
        return otlp_from_json(request->arena, request->json, export, problem);
    case JSON_TOO_BIG:
        *problem = arena_cstr(request->arena, why);
        return OTLP_TOO_BIG;
    case JSON_EMPTY:
        *problem = "the body is empty";
        return OTLP_BAD;
    case JSON_BAD:
        *problem = arena_cstr(request->arena, why);
        break;
    }
    return OTLP_BAD;
}

static enum status refuse_body(struct request *request, enum encoding encoding, enum otlp_outcome outcome,
                               const char *problem)
{
    const char *name = encoding == PROTOBUF ? "protobuf" : "JSON";
    if (outcome == OTLP_TOO_BIG)
        return refuse(request, CONTENT_TOO_LARGE,
                      arena_printf(request->arena,
                                   "The request body holds more than is accepted: %s. Send fewer spans at a "
                                   "time.",
                                   problem));
    return refuse(request, 400,
                  problem ? arena_printf(request->arena, "Invalid OpenTelemetry %s format: %s", name, problem)
                          : arena_printf(request->arena, "Invalid OpenTelemetry %s format", name));
}

/* --- Storing --- */

/* What can be stored of an export, and what cannot. */
struct prepared {
    struct trace_span *spans;
    const struct otlp_resource **resources;
    size_t count;
    size_t refused;
    const char *problem; /* of the first that was refused */
};

static struct prepared prepare(struct arena *arena, const struct otlp_export *export)
{
    struct prepared prepared = {
        .spans = ARENA_ARRAY(arena, struct trace_span, export->span_count),
        .resources = ARENA_ARRAY(arena, const struct otlp_resource *, export->span_count),
    };
    for (size_t i = 0; i < export->span_count; i++) {
        const char *problem;
        if (span_prepare(arena, &export->spans[i], &prepared.spans[prepared.count], &problem)) {
            prepared.resources[prepared.count++] = export->spans[i].resource;
            continue;
        }
        if (!prepared.refused++)
            prepared.problem = problem;
    }
    return prepared;
}

static enum status store(struct request *request, struct sv experiment_id, const struct prepared *prepared,
                         struct trace_ingest_result *result)
{
    struct trace_ingest ingest = {
        .experiment_id = experiment_id,
        .run_id = sv_trim(request_header(request, "x-mlflow-run-id")),
        .spans = prepared->spans,
        .resources = prepared->resources,
        .count = prepared->count,
    };
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_EDIT, &ingest.writable) != OK ||
        request_begin(request, ACCESS_WRITE) != OK ||
        trace_ingest(request_tx(request), &ingest, result) != OK)
        return FAILED;
    return request_commit(request);
}

static enum status reply_success(struct request *request, enum encoding encoding, size_t refused,
                                 struct sv problems)
{
    if (encoding == PROTOBUF)
        return reply_text(request, 200, encoding_types[PROTOBUF],
                          otlp_reply_protobuf(request->arena, (int64_t)refused, problems));
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (refused) {
        json_key(json, "partialSuccess");
        json_begin_object(json);
        json_put_string_field(json, "rejectedSpans", arena_printf(request->arena, "%zu", refused));
        json_put_string_field(json, "errorMessage", problems);
        json_end_object(json);
    }
    json_end_object(json);
    return OK;
}

static struct sv conversion_problem(struct request *request, const struct prepared *prepared)
{
    if (!prepared->refused)
        return SV("");
    return arena_printf(request->arena, "Cannot convert OpenTelemetry span to MLflow span: %s",
                        prepared->problem);
}

static enum status store_and_reply(struct request *request, struct sv experiment_id, enum encoding encoding,
                                   const struct otlp_export *export)
{
    struct prepared prepared = prepare(request->arena, export);
    struct sv problem = conversion_problem(request, &prepared);
    if (!prepared.count && prepared.refused)
        return refuse(request, UNPROCESSABLE, problem);
    struct trace_ingest_result result = {.problems = SV("")};
    if (prepared.count && store(request, experiment_id, &prepared, &result) != OK)
        return FAILED;
    struct sv problems =
        arena_printf(request->arena, "%.*s%s%.*s", SV_ARG(problem),
                     problem.len && result.problems.len ? "\n" : "", SV_ARG(result.problems));
    if (result.refused_traces && result.refused_traces == result.traces)
        return refuse(
            request, UNPROCESSABLE,
            arena_printf(request->arena, "Failed to log OpenTelemetry spans: %.*s", SV_ARG(problems)));
    return reply_success(request, encoding, prepared.refused + result.refused_spans, problems);
}

/* --- exportTraces --- */

static enum status export_traces(struct request *request, const void *input)
{
    (void)input;
    struct sv experiment_id = request_header(request, "x-mlflow-experiment-id");
    if (!experiment_id.data)
        return refuse_missing_experiment(request);
    enum encoding encoding = encoding_of(request->content_type);
    if (encoding == OTHER)
        return refuse(request, 400,
                      arena_printf(request->arena,
                                   "Invalid Content-Type: %.*s. Expected: application/x-protobuf or "
                                   "application/json",
                                   SV_ARG(sv_first(request->content_type, ERROR_VALUE_LIMIT))));
    if (!unpack_body(request))
        return OK;
    struct otlp_export export;
    const char *problem = NULL;
    enum otlp_outcome outcome = decode(request, encoding, &export, &problem);
    if (outcome != OTLP_OK)
        return refuse_body(request, encoding, outcome, problem);
    if (!export.resource_count)
        return refuse(request, 400,
                      encoding == PROTOBUF ? SV("Invalid OpenTelemetry protobuf format - no spans found")
                                           : SV("Invalid OpenTelemetry format - no spans found"));
    return store_and_reply(request, sv_trim(experiment_id), encoding, &export);
}

const struct operation otlp_operations[] = {
    {
        .name = "exportTraces",
        .area = "otlp",
        .method = METHOD_POST,
        .root = ROOT_PLAIN,
        .path = "/v1/traces",
        .handler = export_traces,
        .access = ACCESS_NONE,
        .needs = NEEDS_IF(EXPERIMENT, EDIT, "header x-mlflow-experiment-id"),
        .also = ALSO(NEEDS_IF(RUN, EDIT, "header x-mlflow-run-id")),
        .body_limit = OTLP_MAX_BYTES,
        .any_content_type = true,
    },
    {.path = NULL},
};
