#include <json-c/json.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/number.h"
#include "common/http/error.h"
#include "common/http/input.h"
#include "common/http/request_metrics.h"
#include "common/http/server_internal.h"
#include "common/http/stages.h"

/* The journey of a request. Each stage returns OK to go on, or FAILED: then either the error is set, or the
 * reply is already made. The order is the security model: nothing that costs comes before the host and origin
 * checks. */
static const struct stage stages[] = {
    {"head", stage_head},
    {"host", stage_host},
    {"origin", stage_origin},
    {"route", stage_route},
    {"authenticate", stage_authenticate},
    {"body", stage_body},
    {"input", input_check},
    {"permit", stage_permit},
    {"begin", stage_begin},
    {"handler", stage_handler},
    {"commit", request_commit},
};

static void run_stages(struct request *request)
{
    enum status status = OK;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]) && status == OK; i++) {
        request->stage = stages[i].name;
        status = stages[i].run(request);
    }
    if (request->reply.body.failed)
        error_internal(&request->error, request->arena, "no memory for the reply");
}

/* lighttpd closes a kept connection without a word when the reply overtakes the body, and clients take that
 * for a failure of the network. */
static void take_unread_body(struct request *request)
{
    bool raw = request->handled && request->operation->raw_body;
    int64_t left = request->content_length;
    if (raw || request->body_buffer.len || left > UNREAD_BODY_LIMIT)
        return;
    char bytes[4096];
    while (left > 0) {
        long got = request->transport->read(request, bytes, sizeof(bytes));
        if (got <= 0)
            break;
        left -= got;
    }
}

static void finish(struct request *request)
{
    request_rollback(request);
    if (request->error.code != REQUEST_TIMEOUT)
        take_unread_body(request);
    if (request->error.code != ERROR_NONE) {
        if (request->reply.started) {
            request->reply.broken = true;
            request->transport->abort(request);
        } else {
            reply_error(request);
        }
    }
    stage_stamp(request);
    request->reply.broken = request->reply.broken && request->reply.started;
    reply_send(request);
}

static void log_request(const struct request *request)
{
    int status = request->reply.status;
    const char *operation = request->operation ? request->operation->name : "-";
    if (request->error.code != ERROR_NONE && status >= 500)
        log_error("id=%s operation=%s stage=%s status=%d error=%s message=\"%.*s\" detail=\"%.*s\"",
                  request->id, operation, request->stage, status, error_code_name(request->error.code),
                  SV_ARG(request->error.message), SV_ARG(request->error.detail));
    log_info("id=%s operation=%s method=%.*s status=%d ms=%.3f in=%zu out=%llu%s", request->id, operation,
             SV_ARG(request->method_name), status,
             (double)(clock_monotonic_us() - request->started_us) / 1000.0, request->body.len,
             (unsigned long long)request->reply.sent, request->reply.broken ? " broken=true" : "");
}

static void begin(struct request *request)
{
    struct request fresh = {
        .server = request->server,
        .arena = request->arena,
        .transport = request->transport,
        .connection = request->connection,
        .body_buffer = request->body_buffer,
        .reply = request->reply,
        .content_length = -1,
        .started_us = clock_monotonic_us(),
        .stage = "head",
    };
    *request = fresh;
    reply_clear(request);
    request->state = server_state_take(request->server);
}

static void reset(struct request *request)
{
    if (request->json)
        json_object_put(request->json);
    request->json = NULL;
    buffer_clear(&request->body_buffer, REPLY_DRAIN_BYTES);
    server_state_drop(request->server, request->state);
    request->state = NULL;
    arena_set_escape(request->arena, NULL);
    arena_reset(request->arena);
}

void serve(struct request *request)
{
    jmp_buf escape;
    begin(request);
    if (setjmp(escape) == 0) {
        arena_set_escape(request->arena, &escape);
        run_stages(request);
    } else {
        /* The arena is full: what it holds is given up, and the error must not need it. */
        request_rollback(request);
        error_clear(&request->error);
        request->error.code = TEMPORARILY_UNAVAILABLE;
        request->error.message = SV("The request needs more memory than the server may give to one request.");
    }
    /* From here on nothing large is allocated; if even that fails the process is beyond help. */
    finish(request);
    log_request(request);
    request_metrics(request);
    reset(request);
}
