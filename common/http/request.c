#include "common/http/request.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/server_internal.h"

struct sv request_header(struct request *request, const char *name)
{
    char variable[64] = "HTTP_";
    size_t at = 5;
    for (; *name && at < sizeof(variable) - 1; name++, at++) {
        char byte = *name;
        if (byte >= 'a' && byte <= 'z')
            byte = (char)(byte - 'a' + 'A');
        variable[at] = byte == '-' ? '_' : byte;
    }
    variable[at] = '\0';
    return request->transport->variable(request, variable);
}

size_t request_headers(struct request *request, struct header *headers, size_t max)
{
    if (!request->transport->variables)
        return 0;
    size_t count = 0;
    for (char *const *entry = request->transport->variables(request); *entry && count < max; entry++) {
        struct sv value = sv_from(*entry);
        struct sv name = sv_cut(&value, '=');
        if (!value.data || !sv_starts_with(name, SV("HTTP_")) || name.len == 5)
            continue;
        char *lower = arena_cstr(request->arena, sv_from_offset(name, 5));
        for (char *c = lower; *c; c++) {
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
            else if (*c == '_')
                *c = '-';
        }
        headers[count++] = (struct header){lower, value};
    }
    return count;
}

bool request_client_gone(struct request *request)
{
    return request->reply.broken || (request->transport->gone && request->transport->gone(request));
}

struct sv request_parameter(const struct request *request, const char *name)
{
    struct sv wanted = sv_from(name);
    for (size_t i = 0; i < request->parameter_count; i++)
        if (sv_equal(request->parameters[i].name, wanted))
            return request->parameters[i].value;
    return SV_ABSENT;
}

enum status fail(struct request *request, enum error_code code, const char *format, ...)
{
    if (request->error.code != ERROR_NONE)
        return FAILED;
    va_list arguments;
    va_start(arguments, format);
    request->error.message = arena_vprintf(request->arena, format, arguments);
    va_end(arguments);
    request->error.code = code;
    return FAILED;
}

void *request_context(const struct request *request)
{
    return request->server->options.context;
}

enum status request_begin(struct request *request, enum access access)
{
    const struct server_options *options = &request->server->options;
    if (!options->hooks.begin)
        return error_internal(&request->error, request->arena, "program %s has no store",
                              options->program->name);
    enum status status = options->hooks.begin(options->context, request->operation, access, request->arena,
                                              &request->error, &request->transaction);
    if (status != OK)
        request->transaction = NULL;
    request->transaction_access = access;
    return status;
}

enum status request_commit(struct request *request)
{
    if (!request->transaction)
        return OK;
    void *transaction = request->transaction;
    request->transaction = NULL;
    return request->server->options.hooks.commit(transaction);
}

void request_rollback(struct request *request)
{
    if (!request->transaction)
        return;
    void *transaction = request->transaction;
    request->transaction = NULL;
    request->server->options.hooks.rollback(transaction);
}

struct request *request_new(struct server *server, const struct transport *transport, void *connection)
{
    struct request *request = calloc(1, sizeof(struct request));
    if (!request)
        return NULL;
    request->server = server;
    request->transport = transport;
    request->connection = connection;
    request->arena = arena_new(REQUEST_MEMORY_LIMIT);
    buffer_init(&request->reply.body, REPLY_LIMIT_BYTES);
    buffer_init(&request->body_buffer, REPLY_LIMIT_BYTES);
    return request;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    buffer_free(&request->reply.body);
    buffer_free(&request->body_buffer);
    arena_free(request->arena);
    free(request);
}
