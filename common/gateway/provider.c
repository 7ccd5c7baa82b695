#include "common/gateway/provider.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include <json-c/json.h>

#include "common/json/json_dump.h"
#include "common/json/json_read.h"

enum status provider_fail(struct provider_call *call, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call->detail = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    call->status = status;
    call->as_object = false;
    call->code = ERROR_NONE;
    return FAILED;
}

enum status provider_fail_code(struct provider_call *call, enum error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call->detail = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    call->status = 0;
    call->as_object = true;
    call->code = code;
    return FAILED;
}

/* --- Configuration --- */

struct json_object *provider_member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

struct sv provider_text(struct json_object *object, const char *name)
{
    struct json_object *value = provider_member(object, name);
    return json_object_is_type(value, json_type_string) ? json_string_view(value) : SV_ABSENT;
}

int64_t provider_int(struct json_object *object, const char *name, int64_t fallback)
{
    static const double two_to_63 = 9223372036854775808.0;
    struct json_object *value = provider_member(object, name);
    if (json_object_is_type(value, json_type_int))
        return json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_double))
        return fallback;
    double number = json_object_get_double(value);
    bool fits = number >= -two_to_63 && number < two_to_63 && trunc(number) == number;
    return fits ? (int64_t)number : fallback;
}

static struct sv setting(struct json_object *object, const char *name)
{
    struct sv text = provider_text(object, name);
    return text.len ? text : SV_ABSENT;
}

struct sv provider_secret(const struct provider_call *call, const char *name)
{
    return setting(call->secret, name);
}

struct sv provider_config(const struct provider_call *call, const char *name)
{
    return setting(call->config, name);
}

enum status provider_api_key(struct provider_call *call, struct sv *key)
{
    *key = provider_secret(call, "api_key");
    if (key->data)
        return OK;
    return provider_fail_code(
        call, INVALID_PARAMETER_VALUE,
        "The api key provided is not a string. Set 'api_key' in the secret that the model "
        "definition for the provider '%s' refers to.",
        call->row->name);
}

static bool breaks_url(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

enum status provider_base(struct provider_call *call, struct sv *base)
{
    *base = provider_config(call, "api_base");
    if (!base->data)
        *base = sv_from(call->row->base_url);
    while (base->len && base->data[base->len - 1] == '/' && sv_find(*base, '?') == base->len)
        *base = sv_first(*base, base->len - 1);
    if (breaks_url(*base))
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "'api_base' may not contain blanks or control characters.");
    if (base->len)
        return OK;
    return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                              "The provider '%s' has no fixed address. Set 'api_base' in the auth_config of "
                              "the secret.",
                              call->row->name);
}

/* --- URLs --- */

static struct sv without_fragment(struct sv url)
{
    return sv_first(url, sv_find(url, '#'));
}

struct sv provider_url(struct provider_call *call, struct sv base, struct sv path)
{
    base = without_fragment(base);
    struct sv before = sv_first(base, sv_find(base, '?'));
    struct sv query = sv_from_offset(base, before.len);
    while (before.len && before.data[before.len - 1] == '/')
        before = sv_first(before, before.len - 1);
    return arena_printf(call->arena, "%.*s/%.*s%.*s", SV_ARG(before), SV_ARG(path), SV_ARG(query));
}

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

struct sv provider_encode(struct arena *arena, struct sv text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc_array(arena, text.len + 1, 3);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_unreserved(text.data[i])) {
            out[len++] = text.data[i];
        } else {
            out[len++] = '%';
            out[len++] = digits[byte >> 4];
            out[len++] = digits[byte & 0xf];
        }
    }
    return (struct sv){out, len};
}

struct sv provider_url_parameter(struct provider_call *call, struct sv url, struct sv name, struct sv value)
{
    url = without_fragment(url);
    struct sv encoded = provider_encode(call->arena, value);
    char separator = sv_find(url, '?') < url.len ? '&' : '?';
    return arena_printf(call->arena, "%.*s%c%.*s=%.*s", SV_ARG(url), separator, SV_ARG(name),
                        SV_ARG(encoded));
}

/* --- Headers --- */

static bool breaks_header(struct sv text)
{
    return sv_find(text, '\r') < text.len || sv_find(text, '\n') < text.len || sv_find(text, '\0') < text.len;
}

static enum status refuse_header(struct provider_call *call, const char *what)
{
    return provider_fail_code(
        call, INVALID_PARAMETER_VALUE,
        "%s may not contain line ends or NUL characters. Change the secret, its auth_config "
        "or the headers of the call.",
        what);
}

enum status provider_header(struct provider_call *call, struct provider_request *request, struct sv name,
                            struct sv value)
{
    if (breaks_header(name) || breaks_header(value))
        return refuse_header(call, "What is sent as a header");
    if (!request->headers)
        request->headers = ARENA_ARRAY(call->arena, struct name_value, PROVIDER_MAX_HEADERS);
    if (request->header_count == PROVIDER_MAX_HEADERS)
        return provider_fail(call, 431, "The request has more than %d headers.", PROVIDER_MAX_HEADERS);
    request->headers[request->header_count++] = (struct name_value){name, value};
    return OK;
}

enum status provider_bearer(struct provider_call *call, struct provider_request *request, struct sv key)
{
    if (breaks_header(key)) /* which printf would cut at a NUL */
        return refuse_header(call, "A key");
    return provider_header(call, request, SV("authorization"),
                           arena_printf(call->arena, "Bearer %.*s", SV_ARG(key)));
}

/* What concerns one connection only (RFC 9110 section 7.6.1), what the sending client sets itself, and what
 * identifies the caller to us. */
static const struct sv client_only[] = {
    SV("host"),
    SV("content-length"),
    SV("connection"),
    SV("keep-alive"),
    SV("proxy-connection"),
    SV("te"),
    SV("trailer"),
    SV("transfer-encoding"),
    SV("upgrade"),
    SV("http2-settings"),
    SV("expect"),
    SV("accept-encoding"),
    SV("content-encoding"),
    SV("cookie"),
    SV("cookie2"),
    SV("authorization"),
    SV("proxy-authorization"),
    SV("proxy-authenticate"),
    SV("api-key"),
    SV("x-api-key"),
    SV("x-goog-api-key"),
    SV("x-amz-security-token"),
    SV("x-mlflow-authorization"),
    SV("forwarded"),
    SV("x-real-ip"),
};

/* Whether a list of names (RFC 9110 section 5.6.1), separated by commas, has this one. */
static bool names(struct sv list, struct sv name)
{
    while (list.data) {
        if (sv_equal_ignoring_case(sv_trim(sv_cut(&list, ',')), name))
            return true;
    }
    return false;
}

static bool may_go_on(const struct provider_call *call, const struct name_value *own, size_t own_count,
                      struct sv name)
{
    for (size_t i = 0; i < sizeof(client_only) / sizeof(client_only[0]); i++) {
        if (sv_equal_ignoring_case(name, client_only[i]))
            return false;
    }
    if (name.len > 12 && sv_equal_ignoring_case(sv_first(name, 12), SV("x-forwarded-")))
        return false;
    for (size_t i = 0; i < call->header_count; i++) {
        if (sv_equal_ignoring_case(call->headers[i].name, SV("connection")) &&
            names(call->headers[i].value, name))
            return false;
    }
    for (size_t i = 0; i < own_count; i++) {
        if (sv_equal_ignoring_case(own[i].name, name))
            return false;
    }
    return true;
}

enum status provider_client_headers(struct provider_call *call, struct provider_request *request)
{
    size_t own_count = request->header_count;
    for (size_t i = 0; i < call->header_count; i++) {
        const struct name_value *header = &call->headers[i];
        if (!may_go_on(call, request->headers, own_count, header->name))
            continue;
        if (provider_header(call, request, header->name, header->value) != OK)
            return FAILED;
    }
    return OK;
}

/* --- JSON --- */

bool provider_parse(struct provider_call *call, struct sv text, struct json_object **value)
{
    provider_end(call);
    struct sv problem;
    bool parsed =
        json_parse(call->scratch ? call->scratch : call->arena, text, &call->parsed, &problem) == JSON_OK;
    *value = call->parsed;
    return parsed;
}

void provider_end(struct provider_call *call)
{
    json_object_put(call->parsed);
    call->parsed = NULL;
}

void provider_body_begin(struct provider_call *call, struct provider_body *body)
{
    buffer_init_in(&body->text, call->arena, PROVIDER_BODY_MAX);
    json_writer_init_utf8(&body->json, &body->text);
}

enum status provider_body_end(struct provider_call *call, struct provider_request *request,
                              struct provider_body *body)
{
    if (body->text.failed)
        return provider_fail(call, 413, "The request is larger than %lu bytes.", PROVIDER_BODY_MAX);
    request->body = buffer_sv(&body->text);
    return provider_header(call, request, SV("content-type"), SV("application/json"));
}

/* About how many bytes a value takes, so that its text need not move as it grows. */
static size_t estimate(struct json_object *value)
{
    size_t size = 32;
    if (json_object_is_type(value, json_type_string)) {
        size += (size_t)json_object_get_string_len(value);
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            size += estimate(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            size += strlen(name) + estimate(member);
        }
    }
    return size;
}

static void put_stream_options(struct json_writer *json, struct json_object *options)
{
    json_key(json, "stream_options");
    json_begin_object(json);
    if (json_object_is_type(options, json_type_object)) {
        json_object_object_foreach(options, name, value)
        {
            if (strcmp(name, "include_usage") == 0)
                continue;
            json_key(json, name);
            json_put_value(json, value);
        }
    }
    json_put_bool_field(json, "include_usage", true);
    json_end_object(json);
}

enum status provider_payload_body(struct provider_call *call, struct provider_request *request,
                                  struct sv model, bool include_usage)
{
    struct provider_body body;
    provider_body_begin(call, &body);
    buffer_reserve(&body.text, estimate(call->payload) + model.len + 256);
    struct json_writer *json = &body.json;
    bool wants_usage = include_usage && call->stream && call->route == GATEWAY_CHAT;
    bool embeds = call->route == GATEWAY_EMBEDDINGS || call->route == GATEWAY_OPENAI_EMBEDDINGS;
    json_begin_object(json);
    json_put_string_field_if_set(json, "model", model);
    json_object_object_foreach(call->payload, name, value)
    {
        if (strcmp(name, "model") == 0 || (wants_usage && strcmp(name, "stream_options") == 0))
            continue;
        json_key(json, name);
        json_put_value(json, value);
    }
    if (wants_usage)
        put_stream_options(json, provider_member(call->payload, "stream_options"));
    if (embeds && call->row->input_type && !provider_member(call->payload, "input_type"))
        json_put_string_field(json, "input_type", sv_from(call->row->input_type));
    json_end_object(json);
    return provider_body_end(call, request, &body);
}
