#include "fcgi-bin/gateway/stream.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/gateway/unified.h"
#include "common/json/json_read.h"
#include "fcgi-bin/gateway/answer.h"

#define PIECE_BYTES (16 * 1024)

/* In a quiet stream something is written so often: a client's leaving shows only then. */
#define HEARTBEAT_US 400000
/* How long the head of our reply may wait for the first event, which may be an error that has a status. */
#define HEAD_WAIT_US 300000
/* How long the end of the provider's answer may take behind its last event, for its connection to be kept. */
#define END_WAIT_MS 10

struct stream {
    struct inference *inference;
    struct http_client *client;
    struct provider_call *call;
    void *state;
    bool unified;
    bool done; /* the logical end came */
    int64_t began_us, read_us, written_us;
    size_t newlines; /* at the end of what was relayed, CR left out; 2: between two events */
};

bool stream_is_one(const struct inference *inference, const struct http_client *client)
{
    if (inference->work->call.row->adapter->framing == FRAMING_EVENT_STREAM)
        return answer_is(client, "application/vnd.amazon.eventstream");
    /* Some providers name no type, or one that says nothing. */
    return !answer_is(client, "application/json") && !answer_is(client, "text/html");
}

/* --- To the client --- */

/* Sends what has gathered in the reply's body. False if nobody takes it. */
static bool flush(struct stream *stream)
{
    struct request *request = stream->inference->request;
    if (!request->reply.started) {
        request->reply.status = 200;
        request->reply.content_type = "text/event-stream; charset=utf-8";
        reply_header(request, "cache-control", SV("no-cache"));
        reply_header(request, "x-accel-buffering", SV("no"));
    }
    if (request->reply.body.len && !stream->inference->first_token_us)
        stream->inference->first_token_us = clock_monotonic_us();
    stream->written_us = clock_monotonic_us();
    return reply_drain(request, true) == OK;
}

/* Blank lines mean nothing between events, and some readers of Gemini's streams know no comments. */
static bool beat(struct stream *stream)
{
    struct request *request = stream->inference->request;
    struct buffer *out = &request->reply.body;
    bool gemini = stream->inference->route == GATEWAY_GEMINI_STREAM;
    if (!request->reply.started)
        return flush(stream);
    stream->written_us = clock_monotonic_us();
    if (stream->newlines == 0)
        return true; /* within a line nothing can be added */
    if (stream->newlines == 1)
        BUFFER_LITERAL(out, ":\n");
    else if (gemini)
        BUFFER_LITERAL(out, "\n");
    else
        BUFFER_LITERAL(out, ": \n\n");
    return reply_drain(request, true) == OK;
}

/* --- From the provider --- */

static bool wants_usage(struct sv data)
{
    return data.len && memmem(data.data, data.len, "usage", 5) != NULL;
}

/* Tokens of a stream that is only relayed. */
static void sniff(struct stream *stream, struct sv data)
{
    const struct provider *adapter = stream->call->row->adapter;
    struct json_object *value;
    if (!wants_usage(data) || !provider_parse(stream->call, data, &value))
        return;
    (adapter->read_usage ? adapter->read_usage : unified_read_usage)(value, &stream->inference->usage);
}

/* False: the stream is over, with `failure` set or `done`. */
static bool take_event(struct stream *stream, const struct provider_event *event)
{
    struct inference *inference = stream->inference;
    struct buffer *out = &inference->request->reply.body;
    enum provider_step step = STEP_OK;
    if (stream->unified)
        step = unified_event(stream->call, stream->state, event, out, &inference->usage);
    else
        sniff(stream, event->data);
    arena_reset(stream->call->scratch);
    if (step == STEP_ERROR) {
        inference->failure = (struct failure){
            .status = stream->call->as_object ? 400 : stream->call->status,
            .detail = stream->call->detail,
            .from_provider = true,
        };
        return false;
    }
    stream->done = step == STEP_DONE;
    return !stream->done;
}

static bool garbled(struct stream *stream)
{
    fail_text(stream->inference, 502, "The stream of the provider '%.*s' cannot be read.",
              SV_ARG(stream->inference->model->provider));
    return false;
}

/* Each event leaves as it comes. False: over, as above, or nobody takes it. */
static bool take_frames(struct stream *stream, struct sv bytes)
{
    struct work *work = stream->inference->work;
    struct buffer *out = &stream->inference->request->reply.body;
    struct provider_event event;
    struct sse_event sse;
    for (;;) {
        if (stream->call->row->adapter->framing == FRAMING_EVENT_STREAM) {
            enum event_stream_outcome outcome = event_stream_next(&work->event_stream, &bytes, &event);
            if (outcome != EVENT_STREAM_EVENT)
                return outcome == EVENT_STREAM_MORE || garbled(stream);
        } else {
            enum sse_step step = sse_next(&work->sse, &bytes, &sse);
            /* Of a stream that is only relayed, all that is lost is the count of its tokens. */
            if (step != SSE_EVENT)
                return step == SSE_MORE || !stream->unified || garbled(stream);
            event = (struct provider_event){.type = sse.type, .data = sse.data};
        }
        bool goes_on = take_event(stream, &event);
        if (stream->unified && out->len && !flush(stream))
            return false;
        if (!goes_on)
            return false;
    }
}

static void count_newlines(struct stream *stream, struct sv bytes)
{
    for (size_t i = bytes.len > 8 ? bytes.len - 8 : 0; i < bytes.len; i++) {
        if (bytes.data[i] == '\n')
            stream->newlines++;
        else if (bytes.data[i] != '\r')
            stream->newlines = 0;
    }
}

static bool take_bytes(struct stream *stream, struct sv bytes)
{
    if (!stream->unified) {
        buffer_append_sv(&stream->inference->request->reply.body, bytes);
        count_newlines(stream, bytes);
        if (!flush(stream))
            return false;
    }
    return take_frames(stream, bytes);
}

/* The connection ended well; that the stream did is another matter. */
static bool take_end(struct stream *stream)
{
    struct work *work = stream->inference->work;
    struct sse_event sse;
    if (stream->call->row->adapter->framing == FRAMING_EVENT_STREAM)
        return event_stream_is_whole(&work->event_stream) || garbled(stream);
    if (stream->unified && sse_end(&work->sse, &sse) == SSE_EVENT) {
        struct provider_event event = {.type = sse.type, .data = sse.data};
        bool goes_on = take_event(stream, &event);
        return goes_on || stream->done;
    }
    return true;
}

/* --- The loop --- */

/* Milliseconds until something is to be done although nothing came. */
static int64_t wait_ms(const struct stream *stream)
{
    int64_t now = clock_monotonic_us();
    bool started = stream->inference->request->reply.started;
    int64_t until = started ? stream->written_us + HEARTBEAT_US : stream->began_us + HEAD_WAIT_US;
    return until > now ? (until - now) / 1000 + 1 : 0;
}

static bool is_idle(const struct stream *stream)
{
    int64_t limit_us = stream->inference->gateway->service.settings->gateway_idle_timeout * 1000000;
    return clock_monotonic_us() - stream->read_us > limit_us;
}

/* Until the stream is over. False if it broke off or nobody takes it any more. */
static bool run(struct stream *stream)
{
    char bytes[PIECE_BYTES];
    for (;;) {
        long got = http_read(stream->client, bytes, sizeof(bytes), wait_ms(stream));
        if (got > 0) {
            stream->read_us = clock_monotonic_us();
            if (!take_bytes(stream, (struct sv){bytes, (size_t)got}))
                return stream->done;
        } else if (got == 0) {
            return take_end(stream);
        } else if (got == HTTP_READ_FAILED) {
            answer_failed(stream->inference, http_outcome(stream->client), http_problem(stream->client));
            return false;
        } else if (is_idle(stream)) {
            answer_failed(stream->inference, HTTP_TIMED_OUT, "the stream paused for too long");
            return false;
        } else if (wait_ms(stream) == 0 && !beat(stream)) {
            return false;
        }
    }
}

/* Tells what went wrong in a stream that has begun, in the words of whoever's shape it has. */
static void tell_failure(struct stream *stream)
{
    const struct failure *failure = &stream->inference->failure;
    struct request *request = stream->inference->request;
    struct buffer *out = &request->reply.body;
    struct json_writer json;
    const char *type = failure->status == 504 ? "timeout_error" : "upstream_error";
    if (!stream->unified && stream->newlines < 2)
        BUFFER_LITERAL(out, "\n\n");
    if (stream->inference->route == GATEWAY_ANTHROPIC_MESSAGES)
        BUFFER_LITERAL(out, "event: error\n");
    BUFFER_LITERAL(out, "data: ");
    json_writer_init_utf8(&json, out);
    json_begin_object(&json);
    if (stream->inference->route == GATEWAY_ANTHROPIC_MESSAGES)
        json_put_string_field(&json, "type", SV("error"));
    json_key(&json, "error");
    json_begin_object(&json);
    json_put_string_field(&json, "message", failure->detail);
    json_put_string_field(&json, "type", sv_from(type));
    if (stream->inference->route == GATEWAY_GEMINI_STREAM)
        json_put_int_field(&json, "code", failure->status);
    json_end_object(&json);
    json_end_object(&json);
    BUFFER_LITERAL(out, "\n\n");
    (void)flush(stream);
}

enum status stream_relay(struct inference *inference, struct http_client *client)
{
    struct work *work = inference->work;
    struct request *request = inference->request;
    struct stream stream = {
        .inference = inference,
        .client = client,
        .call = &work->call,
        .unified = inference->route < GATEWAY_OPENAI_CHAT,
        .began_us = clock_monotonic_us(),
        .newlines = 2,
    };
    size_t state_size = work->call.row->adapter->state_size;
    work_ready_for_stream(work);
    arena_set_escape(work->scratch, arena_escape(request->arena));
    work->call.scratch = work->scratch;
    stream.state = arena_alloc(request->arena, state_size + 1);
    stream.read_us = stream.began_us;
    bool well = run(&stream);
    if (well && !inference->failure.status) {
        char rest[64];
        if (stream.done && http_read(client, rest, sizeof(rest), END_WAIT_MS) == 0)
            log_debug("id=%s the connection is kept", request->id);
        if (!flush(&stream))
            inference->failure = (struct failure){.status = 499, .client_gone = true};
        return OK;
    }
    if (request->reply.broken || !inference->failure.status)
        inference->failure = (struct failure){.status = 499, .client_gone = true};
    if (!request->reply.started && !inference->failure.client_gone) {
        buffer_clear(&request->reply.body, REPLY_DRAIN_BYTES);
        return FAILED;
    }
    if (request->reply.started && !inference->failure.client_gone)
        tell_failure(&stream);
    return inference->failure.client_gone && !request->reply.started ? FAILED : OK;
}
