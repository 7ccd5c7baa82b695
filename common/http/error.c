#include "common/http/error.h"

#include <stddef.h>

struct error_row {
    int status;
    const char *name;
};

/* Clients look error_code up in MLflow's own enumeration and fail on a name that is not in it: the codes that
 * are ours alone go out under the nearest of MLflow's. */
static const struct error_row rows[ERROR_CODES] = {
    [ERROR_NONE] = {200, ""},
    [INTERNAL_ERROR] = {500, "INTERNAL_ERROR"},
    [TEMPORARILY_UNAVAILABLE] = {503, "TEMPORARILY_UNAVAILABLE"},
    [BAD_REQUEST] = {400, "BAD_REQUEST"},
    [INVALID_PARAMETER_VALUE] = {400, "INVALID_PARAMETER_VALUE"},
    [ENDPOINT_NOT_FOUND] = {404, "ENDPOINT_NOT_FOUND"},
    [NOT_FOUND] = {404, "NOT_FOUND"},
    [RESOURCE_DOES_NOT_EXIST] = {404, "RESOURCE_DOES_NOT_EXIST"},
    [RESOURCE_ALREADY_EXISTS] = {400, "RESOURCE_ALREADY_EXISTS"},
    [RESOURCE_CONFLICT] = {409, "RESOURCE_CONFLICT"},
    [ALREADY_EXISTS] = {409, "ALREADY_EXISTS"},
    [ABORTED] = {409, "ABORTED"},
    [PERMISSION_DENIED] = {403, "PERMISSION_DENIED"},
    [UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [CUSTOMER_UNAUTHORIZED] = {401, "CUSTOMER_UNAUTHORIZED"},
    [REQUEST_LIMIT_EXCEEDED] = {429, "REQUEST_LIMIT_EXCEEDED"},
    [RESOURCE_EXHAUSTED] = {429, "RESOURCE_EXHAUSTED"},
    [INVALID_STATE] = {500, "INVALID_STATE"},
    [NOT_IMPLEMENTED] = {501, "NOT_IMPLEMENTED"},
    [DEADLINE_EXCEEDED] = {504, "DEADLINE_EXCEEDED"},
    [CANCELLED] = {499, "CANCELLED"},
    [DATA_LOSS] = {500, "DATA_LOSS"},
    [METHOD_NOT_ALLOWED] = {405, "BAD_REQUEST"},
    [PAYLOAD_TOO_LARGE] = {413, "BAD_REQUEST"},
    [REQUEST_TIMEOUT] = {408, "DEADLINE_EXCEEDED"},
    [UNSUPPORTED_MEDIA_TYPE] = {415, "BAD_REQUEST"},
    [INSUFFICIENT_STORAGE] = {507, "RESOURCE_EXHAUSTED"},
    [URI_TOO_LONG] = {414, "BAD_REQUEST"},
    [HEADERS_TOO_LARGE] = {431, "BAD_REQUEST"},
    [WRONG_STATE] = {400, "INVALID_STATE"},
};

int error_http_status(enum error_code code)
{
    return rows[code].status;
}

const char *error_code_name(enum error_code code)
{
    return rows[code].name;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}
