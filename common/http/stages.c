#include "common/http/stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/number.h"
#include "common/http/server_internal.h"
#include "common/http/url.h"

static const struct security *security_of(const struct request *request)
{
    return request->state->settings.security;
}

static enum http_method parse_method(struct sv name)
{
    static const struct {
        struct sv name;
        enum http_method method;
    } methods[] = {
        {{"GET", 3}, METHOD_GET},         {{"POST", 4}, METHOD_POST},   {{"HEAD", 4}, METHOD_HEAD},
        {{"PUT", 3}, METHOD_PUT},         {{"PATCH", 5}, METHOD_PATCH}, {{"DELETE", 6}, METHOD_DELETE},
        {{"OPTIONS", 7}, METHOD_OPTIONS},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (sv_equal(name, methods[i].name))
            return methods[i].method;
    return METHOD_OTHER;
}

static bool is_request_id(struct sv id)
{
    if (id.len == 0 || id.len >= sizeof(((struct request *)0)->id))
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char byte = id.data[i];
        bool sane = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                    (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' || byte == '.';
        if (!sane)
            return false;
    }
    return true;
}

static void choose_id(struct request *request)
{
    struct sv id = request_header(request, "x-request-id");
    if (!is_request_id(id))
        id = id_new(request->arena);
    memcpy(request->id, id.data, id.len);
    request->id[id.len] = '\0';
}

/* The path of REQUEST_URI, which may be in absolute form (RFC 9112 section 3.2.2). */
static struct sv path_of_target(struct sv target)
{
    struct sv path = sv_first(target, sv_find(target, '?'));
    if (path.len && path.data[0] != '/') {
        for (size_t i = 0; i + 2 < path.len; i++) {
            if (path.data[i] == ':' && path.data[i + 1] == '/' && path.data[i + 2] == '/') {
                struct sv rest = sv_from_offset(path, i + 3);
                size_t slash = sv_find(rest, '/');
                return slash < rest.len ? sv_from_offset(rest, slash) : SV("/");
            }
        }
    }
    return path;
}

/* The last of a list: what the proxy itself has added to whatever the client had made up. */
static struct sv last_of(struct sv list)
{
    struct sv last = list;
    while (list.data)
        last = sv_cut(&list, ',');
    return sv_trim(last);
}

/* Who is there, and whom he asked, behind a proxy that the administrator trusts. */
static void hear_proxy(struct request *request)
{
    bool by_proxy;
    struct sv https = request->transport->variable(request, "HTTPS");
    struct sv scheme = request->transport->variable(request, "REQUEST_SCHEME");
    request->is_tls = sv_equal_ignoring_case(https, SV("on")) || sv_equal(https, SV("1")) ||
                      sv_equal_ignoring_case(scheme, SV("https"));
    request->remote_addr = security_client(security_of(request), request->remote_addr,
                                           request_header(request, "x-forwarded-for"), &by_proxy);
    if (!by_proxy)
        return;
    struct sv host = last_of(request_header(request, "x-forwarded-host"));
    struct sv proto = last_of(request_header(request, "x-forwarded-proto"));
    if (host.len)
        request->host = host;
    if (proto.len)
        request->is_tls = sv_equal_ignoring_case(proto, SV("https"));
}

enum status stage_head(struct request *request)
{
    struct sv (*variable)(struct request *, const char *) = request->transport->variable;
    choose_id(request);
    request->method_name = variable(request, "REQUEST_METHOD");
    request->method = parse_method(request->method_name);
    request->host = variable(request, "HTTP_HOST");
    request->origin = variable(request, "HTTP_ORIGIN");
    request->remote_addr = variable(request, "REMOTE_ADDR");
    hear_proxy(request);
    request->content_type = variable(request, "CONTENT_TYPE");
    request->query = variable(request, "QUERY_STRING");
    struct sv target = variable(request, "REQUEST_URI");
    if (!target.data) {
        target = variable(request, "SCRIPT_NAME");
        struct sv info = variable(request, "PATH_INFO");
        target = arena_printf(request->arena, "%.*s%.*s", SV_ARG(target), SV_ARG(info));
    }
    request->path = path_of_target(target);
    struct sv length = variable(request, "CONTENT_LENGTH");
    if (length.len && !parse_int64(length, 0, INT64_MAX, &request->content_length))
        return fail(request, BAD_REQUEST, "Bad Request. Content-Length is not a number.");
    if (request->path.len > PATH_LIMIT_BYTES || request->query.len > QUERY_LIMIT_BYTES)
        return fail(request, URI_TOO_LONG,
                    "The URL is too long: at most %d bytes of path and %d bytes of query are accepted.",
                    PATH_LIMIT_BYTES, QUERY_LIMIT_BYTES);
    if (request->transport->head_bytes && request->transport->head_bytes(request) > HEADER_LIMIT_BYTES)
        return fail(request, HEADERS_TOO_LARGE, "The request header is larger than %d bytes.",
                    HEADER_LIMIT_BYTES);
    return OK;
}

static bool is_probe(const struct request *request)
{
    struct sv path = request->path;
    struct sv prefix = request->state->settings.static_prefix;
    if (prefix.len && sv_starts_with(path, prefix))
        path = sv_from_offset(path, prefix.len);
    return sv_equal(path, SV("/health")) || sv_equal(path, SV("/version"));
}

enum status stage_host(struct request *request)
{
    if (is_probe(request) || request_host_allowed(request))
        return OK;
    request_refuse_host(request);
    return FAILED;
}

bool request_host_allowed(const struct request *request)
{
    return security_disabled(security_of(request)) ||
           security_host_allowed(security_of(request), request->host);
}

enum status request_refuse_host(struct request *request)
{
    request->reply.bare = true;
    return reply_text(request, 403, "text/plain", SV(HOST_REFUSED_TEXT));
}

static bool changes_state(enum http_method method)
{
    return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH ||
           method == METHOD_DELETE || method == METHOD_OTHER;
}

/* A CORS preflight (Fetch standard 3.2.2). */
static enum status answer_preflight(struct request *request, struct sv wanted_method)
{
    struct cors cors = security_cors(security_of(request), request->origin);
    request->reply.bare = true;
    reply_header(request, "vary", SV("Origin"));
    if (!cors.allow_origin.data) {
        reply_text(request, 400, "text/plain", SV("Disallowed CORS origin"));
        return FAILED;
    }
    reply_header(request, "access-control-allow-origin", cors.allow_origin);
    if (cors.allow_credentials)
        reply_header(request, "access-control-allow-credentials", SV("true"));
    reply_header(request, "access-control-allow-methods", SV("GET, POST, PUT, DELETE, OPTIONS, PATCH"));
    reply_header(request, "access-control-max-age", SV("600"));
    reply_header(request, "access-control-allow-headers",
                 request_header(request, "access-control-request-headers"));
    enum http_method method = parse_method(wanted_method);
    if (method == METHOD_OTHER) {
        reply_text(request, 400, "text/plain", SV("Disallowed CORS method"));
        return FAILED;
    }
    reply_text(request, 200, "text/plain", SV("OK"));
    return FAILED;
}

enum status stage_origin(struct request *request)
{
    const struct security *security = security_of(request);
    if (security_disabled(security))
        return OK;
    if (request->method == METHOD_OPTIONS && request->origin.data) {
        struct sv wanted_method = request_header(request, "access-control-request-method");
        if (wanted_method.data)
            return answer_preflight(request, wanted_method);
    }
    if (!changes_state(request->method) || security_origin_allowed(security, request->origin, request->host))
        return OK;
    request->reply.bare = true;
    reply_text(request, 403, "text/plain", SV(ORIGIN_REFUSED_TEXT));
    return FAILED;
}

/* Where the program is mounted, if the web server runs it by its file name: plain CGI and mod_fcgid. Then
 * SCRIPT_NAME is the program's own URL, and the paths are below it (/cgi-bin/tracking.fcgi/api/…), or beside
 * it, if the web server rewrites them (/folder/api/… with /folder/tracking.fcgi). Other servers put the
 * beginning of the path into SCRIPT_NAME, or nothing. */
static struct sv below_mount_point(struct request *request)
{
    struct sv mount = request->transport->variable(request, "SCRIPT_NAME");
    struct sv file = arena_printf(request->arena, "/%s.fcgi", request->server->options.program->name);
    bool named = sv_ends_with(mount, file);
    if (!request->transport->is_cgi && !named)
        return SV_ABSENT;
    if (mount.len && sv_starts_with(request->path, mount))
        return sv_from_offset(request->path, mount.len);
    struct sv folder = sv_first(mount, mount.len - (named ? file.len : 0));
    return named && folder.len && sv_starts_with(request->path, folder)
               ? sv_from_offset(request->path, folder.len)
               : SV_ABSENT;
}

/* "<id>" for "{id}", "<path:rest>" for "{rest...}": how MLflow's message names a route. */
static struct sv route_rule(struct arena *arena, struct sv pattern)
{
    struct sv rule = SV("");
    while (pattern.len) {
        size_t open = sv_find(pattern, '{');
        rule = arena_printf(arena, "%.*s%.*s", SV_ARG(rule), SV_ARG(sv_first(pattern, open)));
        pattern = sv_from_offset(pattern, open);
        if (!pattern.len)
            break;
        size_t close = sv_find(pattern, '}');
        struct sv name = sv_first(sv_from_offset(pattern, 1), close - 1);
        bool rest = sv_ends_with(name, SV("..."));
        rule = arena_printf(arena, "%.*s<%s%.*s>", SV_ARG(rule), rest ? "path:" : "",
                            SV_ARG(sv_first(name, name.len - (rest ? 3 : 0))));
        pattern = sv_from_offset(pattern, close + 1);
    }
    return rule;
}

static enum status refuse_mode(struct request *request, const char *why)
{
    struct sv rule = route_rule(request->arena, request->pattern);
    reply_text(request, 503, "text/html",
               arena_printf(request->arena, "Endpoint: %.*s disabled due to the mlflow server running %s",
                            SV_ARG(rule), why));
    return FAILED;
}

/* Operations that the server's mode leaves out. */
static enum status check_mode(struct request *request)
{
    const struct server_settings *settings = &request->state->settings;
    const struct operation *operation = request->operation;
    if (operation->artifact_proxy && settings->no_serve_artifacts)
        return refuse_mode(request,
                           "with `--no-serve-artifacts`. To enable artifacts server functionality, run "
                           "`mlflow server` with `--serve-artifacts`");
    if (settings->artifacts_only && !operation->never_artifacts_only && !operation->artifact_proxy)
        return refuse_mode(request,
                           "in `--artifacts-only` mode. To enable tracking server functionality, run "
                           "`mlflow server` without `--artifacts-only`");
    return OK;
}

static enum status answer_options(struct request *request, struct sv allow)
{
    bool is_api = sv_find(request->pattern, '/') == 0 && request->operation->root <= ROOT_API_3_ONLY;
    reply_header(request, "allow", allow);
    if (is_api)
        request->reply.status = 204;
    else
        reply_text(request, 200, "text/plain", SV(""));
    return FAILED;
}

enum status stage_route(struct request *request)
{
    struct sv allow;
    enum route_outcome outcome = router_find(request->state->router, request, request->path, &allow);
    if (outcome == ROUTE_UNKNOWN) {
        struct sv path = below_mount_point(request);
        if (path.len)
            outcome = router_find(request->state->router, request, path, &allow);
    }
    if (outcome == ROUTE_FOUND && request->operation->users && !request->server->options.access.authenticate)
        outcome = ROUTE_UNKNOWN;
    if (outcome != ROUTE_FOUND)
        request->operation = NULL;
    switch (outcome) {
    case ROUTE_BAD_PATH:
        return fail(request, INVALID_PARAMETER_VALUE, "Invalid path");
    case ROUTE_UNKNOWN:
        return fail(request, ENDPOINT_NOT_FOUND, "No operation answers the path '%.*s'.",
                    SV_ARG(sv_first(request->path, ERROR_VALUE_LIMIT)));
    case ROUTE_WRONG_METHOD:
        reply_header(request, "allow", allow);
        return fail(request, METHOD_NOT_ALLOWED,
                    "The method %.*s is not allowed for this path. Allowed: %.*s.",
                    SV_ARG(sv_first(request->method_name, 32)), SV_ARG(allow));
    case ROUTE_FOUND:
        break;
    }
    if (request->method == METHOD_OPTIONS)
        return answer_options(request, allow);
    return check_mode(request);
}

enum status stage_authenticate(struct request *request)
{
    const struct server_options *options = &request->server->options;
    return options->access.authenticate ? options->access.authenticate(options->context, request) : OK;
}

enum status stage_permit(struct request *request)
{
    const struct server_options *options = &request->server->options;
    enum access access = request->operation->access;
    if (!options->access.permit)
        return OK;
    if ((access == ACCESS_READ || access == ACCESS_STREAM_READ) && request_begin(request, access) != OK)
        return FAILED;
    return options->access.permit(options->context, request, request->input);
}

static int64_t body_limit(const struct operation *operation)
{
    return operation->body_limit ? operation->body_limit : BODY_LIMIT_DEFAULT;
}

static enum status too_large(struct request *request, int64_t limit)
{
    return fail(request, PAYLOAD_TOO_LARGE,
                "The request body is larger than the %lld bytes that this operation accepts.",
                (long long)limit);
}

enum status stage_body(struct request *request)
{
    const struct operation *operation = request->operation;
    if (operation->raw_body)
        return OK;
    int64_t limit = body_limit(operation);
    if (request->content_length > limit)
        return too_large(request, limit);
    if (request->content_length == 0)
        return OK;
    struct buffer *buffer = &request->body_buffer;
    for (;;) {
        size_t piece = 16 * 1024;
        if (request->content_length > 0) {
            piece = (size_t)request->content_length - buffer->len;
            if (piece > 256 * 1024)
                piece = 256 * 1024;
        }
        char *room = piece ? buffer_reserve(buffer, piece) : NULL;
        if (piece && !room)
            return fail(request, TEMPORARILY_UNAVAILABLE,
                        "The server has no memory for the request body. Try again later.");
        long got = piece ? request->transport->read(request, room, piece) : 0;
        if (got == -2)
            return fail(request, REQUEST_TIMEOUT, "The request body did not arrive in time.");
        if (got < 0)
            return fail(request, BAD_REQUEST, "The request body could not be read.");
        if (got == 0)
            break;
        buffer->len += (size_t)got;
        if ((int64_t)buffer->len > limit)
            return too_large(request, limit);
    }
    if (request->content_length > 0 && (int64_t)buffer->len < request->content_length)
        return fail(request, BAD_REQUEST, "The request body ended after %zu of %lld bytes.", buffer->len,
                    (long long)request->content_length);
    request->body = buffer_sv(buffer);
    return OK;
}

enum status stage_begin(struct request *request)
{
    enum access access = request->operation->access;
    return access == ACCESS_NONE || request->transaction ? OK : request_begin(request, access);
}

static bool shows_too_much(const struct request *request)
{
    const struct identity *who = request->identity;
    return request->operation->needs.resource == RESOURCE_FILTERED && who && !who->is_admin &&
           !request->filtered;
}

enum status stage_handler(struct request *request)
{
    request->handled = true;
    enum status status = request->operation->handler(request, request->input);
    if (status == OK && shows_too_much(request))
        return error_internal(&request->error, request->arena, "the handler asked nobody what to show");
    if (status != OK && request->error.code == ERROR_NONE && !request->reply.broken)
        return error_internal(&request->error, request->arena, "the handler failed without an error");
    if (status == OK && !request->reply.status)
        return error_internal(&request->error, request->arena, "the handler gave no reply");
    return status;
}

void stage_stamp(struct request *request)
{
    if (request->reply.started)
        return;
    reply_header(request, "x-request-id", sv_from(request->id));
    const struct security *security = security_of(request);
    if (security_disabled(security) || request->reply.bare)
        return;
    reply_header(request, "x-content-type-options", SV("nosniff"));
    reply_header(request, "x-frame-options", security_frame_options(security));
    if (!request->origin.data)
        return;
    struct cors cors = security_cors(security, request->origin);
    if (cors.allow_origin.data) {
        reply_header(request, "access-control-allow-origin", cors.allow_origin);
        reply_header(request, "access-control-expose-headers", SV("*"));
        if (cors.allow_credentials)
            reply_header(request, "access-control-allow-credentials", SV("true"));
    }
    if (cors.vary_origin)
        reply_header(request, "vary", SV("Origin"));
}
