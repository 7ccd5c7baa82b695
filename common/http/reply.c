#include <stdio.h>
#include <string.h>

#include "common/http/error.h"
#include "common/http/server_internal.h"
#include "common/http/stages.h"

struct json_writer *reply_json(struct request *request)
{
    request->reply.status = 200;
    request->reply.content_type = "application/json";
    json_writer_init(&request->reply.json, &request->reply.body);
    return &request->reply.json;
}

enum status reply_empty(struct request *request)
{
    return reply_text(request, 200, "application/json", SV("{}"));
}

enum status reply_text(struct request *request, int status, const char *content_type, struct sv body)
{
    request->reply.status = status;
    request->reply.content_type = content_type;
    buffer_append_sv(&request->reply.body, body);
    return OK;
}

void reply_header(struct request *request, const char *name, struct sv value)
{
    struct reply *reply = &request->reply;
    if (!value.data || reply->header_count == REPLY_MAX_HEADERS)
        return;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < 0x20 || value.data[i] == 0x7f)
            return;
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0 && sv_equal(reply->headers[i].value, value))
            return;
    reply->headers[reply->header_count++] = (struct header){name, value};
}

void reply_clear(struct request *request)
{
    struct reply *reply = &request->reply;
    struct buffer body = reply->body;
    buffer_clear(&body, REPLY_DRAIN_BYTES);
    *reply = (struct reply){.body = body};
}

void reply_error(struct request *request)
{
    struct error *error = &request->error;
    struct header kept[REPLY_MAX_HEADERS];
    size_t kept_count = 0;
    /* What a stage added for this very error, such as Allow, stays. */
    for (size_t i = 0; i < request->reply.header_count; i++)
        kept[kept_count++] = request->reply.headers[i];
    reply_clear(request);
    bool detail = request->operation && request->operation->error_shape == ERROR_DETAIL;
    struct json_writer *json = reply_json(request);
    request->reply.status = error_http_status(error->code);
    json_begin_object(json);
    if (!detail)
        json_put_string_field(json, "error_code", sv_from(error_code_name(error->code)));
    json_put_string_field(json, detail ? "detail" : "message", error->message);
    json_end_object(json);
    for (size_t i = 0; i < kept_count; i++)
        reply_header(request, kept[i].name, kept[i].value);
    if (request->reply.status == 503)
        reply_header(request, "retry-after", SV("1"));
}

static void put(struct request *request, const char *bytes, size_t len)
{
    if (!request->reply.broken && len && request->transport->write(request, bytes, len) != 0)
        request->reply.broken = true;
}

/* `length` is -1 where it is not known. */
static void send_head(struct request *request, int64_t length)
{
    struct reply *reply = &request->reply;
    struct buffer head;
    buffer_init(&head, 64 * 1024);
    buffer_printf(&head, "Status: %d %s\r\n", reply->status, http_reason(reply->status));
    if (reply->content_type)
        buffer_printf(&head, "Content-Type: %s\r\n", reply->content_type);
    if (length >= 0 && reply->status != 204 && reply->status != 304)
        buffer_printf(&head, "Content-Length: %lld\r\n", (long long)length);
    for (size_t i = 0; i < reply->header_count; i++)
        buffer_printf(&head, "%s: %.*s\r\n", reply->headers[i].name, SV_ARG(reply->headers[i].value));
    BUFFER_LITERAL(&head, "\r\n");
    if (head.failed)
        reply->broken = true;
    put(request, head.data, head.len);
    buffer_free(&head);
    reply->started = true;
}

static void send_body(struct request *request)
{
    struct reply *reply = &request->reply;
    if (request->method != METHOD_HEAD) {
        put(request, reply->body.data, reply->body.len);
        reply->sent += reply->body.len;
    }
    buffer_clear(&reply->body, REPLY_DRAIN_BYTES * 2);
}

void reply_send(struct request *request)
{
    if (!request->reply.started)
        send_head(request, (int64_t)request->reply.body.len);
    send_body(request);
}

enum status reply_drain(struct request *request, bool all)
{
    struct reply *reply = &request->reply;
    if (reply->broken)
        return FAILED;
    if (!all && reply->body.len < REPLY_DRAIN_BYTES)
        return OK;
    if (reply->body.failed)
        return error_internal(&request->error, request->arena, "no memory for the reply");
    bool had_transaction = request->transaction != NULL;
    if (request_commit(request) != OK)
        return FAILED;
    if (!reply->started) {
        stage_stamp(request);
        send_head(request, -1);
    }
    send_body(request);
    if (!reply->broken && request->transport->flush && request->transport->flush(request) != 0)
        reply->broken = true;
    if (reply->broken)
        return FAILED;
    return had_transaction ? request_begin(request, request->transaction_access) : OK;
}

enum status reply_stream_begin(struct request *request, int64_t length)
{
    if (request_commit(request) != OK)
        return FAILED;
    stage_stamp(request);
    send_head(request, length);
    return request->reply.broken ? FAILED : OK;
}

enum status reply_stream_write(struct request *request, const char *bytes, size_t len)
{
    struct reply *reply = &request->reply;
    if (request->method != METHOD_HEAD) {
        put(request, bytes, len);
        reply->sent += len;
    }
    return reply->broken ? FAILED : OK;
}
