#include "common/base/log.h"
#include "common/http/server_internal.h"
#include "tests/unit/http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A client in memory: variables in, reply bytes out. */
struct client {
    const char *variables[32]; /* name, value, …, NULL */
    struct sv body;
    long read_result; /* if not 0, what the next read answers */
    size_t writes_before_failure;
    bool aborted;
    struct buffer reply;
};

static struct sv client_variable(struct request *request, const char *name)
{
    struct client *client = request->connection;
    for (size_t i = 0; client->variables[i]; i += 2)
        if (strcmp(client->variables[i], name) == 0)
            return sv_from(client->variables[i + 1]);
    return SV_ABSENT;
}

static long client_read(struct request *request, char *bytes, size_t len)
{
    struct client *client = request->connection;
    if (client->read_result)
        return client->read_result;
    struct sv piece = sv_first(client->body, len < 7 ? len : 7);
    if (piece.len)
        memcpy(bytes, piece.data, piece.len);
    client->body = sv_from_offset(client->body, piece.len);
    return (long)piece.len;
}

static int client_write(struct request *request, const char *bytes, size_t len)
{
    struct client *client = request->connection;
    if (client->writes_before_failure-- == 0)
        return -1;
    buffer_append(&client->reply, bytes, len);
    return 0;
}

static void client_abort(struct request *request)
{
    struct client *client = request->connection;
    client->aborted = true;
}

static const struct transport client_transport = {
    .variable = client_variable, .read = client_read, .write = client_write, .abort = client_abort};

static const char *ask_server(struct server *server, struct client *client)
{
    if (!client->writes_before_failure)
        client->writes_before_failure = SIZE_MAX;
    buffer_free(&client->reply);
    buffer_init(&client->reply, 1024 * 1024);
    struct request *request = request_new(server, &client_transport, client);
    serve(request);
    assert_null(request->state);
    request_free(request);
    buffer_append_byte(&client->reply, '\0');
    return client->reply.data;
}

static const char *ask(struct client *client)
{
    struct server *server = fixture_server("", false);
    const char *reply = ask_server(server, client);
    server_free(server);
    return reply;
}

static void assert_has(const char *reply, const char *part)
{
    if (!strstr(reply, part))
        fail_msg("\"%s\" is not in the reply:\n%s", part, reply);
}

static void assert_has_not(const char *reply, const char *part)
{
    if (strstr(reply, part))
        fail_msg("\"%s\" is in the reply:\n%s", part, reply);
}

#define POST_ECHO                                                                                            \
    "REQUEST_METHOD", "POST", "REQUEST_URI", "/api/2.0/echo", "HTTP_HOST", "localhost:5000", "CONTENT_TYPE", \
        "application/json"
#define GET_URI(uri) "REQUEST_METHOD", "GET", "REQUEST_URI", uri, "HTTP_HOST", "localhost"

static void a_write_answers_after_its_commit(void **state)
{
    (void)state;
    struct client client = {.variables = {POST_ECHO, "CONTENT_LENGTH", "15", NULL},
                            .body = SV("{\"text\": \"h\xc3\xa9\"}")};
    const char *reply = ask(&client);
    assert_has(reply, "Status: 200 OK\r\n");
    assert_has(reply, "Content-Type: application/json\r\n");
    assert_has(reply, "x-content-type-options: nosniff\r\n");
    assert_has(reply, "x-frame-options: SAMEORIGIN\r\n");
    assert_has(reply, "x-request-id: ");
    assert_has(reply, "\r\n\r\n{\"text\":");
    assert_string_equal(fixture_transactions, "bc");
    buffer_free(&client.reply);
}

static void a_failed_commit_takes_the_reply_back(void **state)
{
    (void)state;
    struct client client = {.variables = {POST_ECHO, NULL}, .body = SV("{\"text\":\"secret\"}")};
    struct server *server = fixture_server("", false);
    fixture_commit_fails = true;
    const char *reply = ask_server(server, &client);
    assert_has(reply, "Status: 503 ");
    assert_has(reply, "\"error_code\":\"TEMPORARILY_UNAVAILABLE\"");
    assert_has(reply, "retry-after: 1\r\n");
    assert_has_not(reply, "secret");
    server_free(server);
    buffer_free(&client.reply);
}

static void a_body_without_a_length_is_read_to_its_end(void **state)
{
    (void)state;
    struct client client = {.variables = {POST_ECHO, NULL},
                            .body = SV("{\"text\":\"a longer text than one read\"}")};
    assert_has(ask(&client), "a longer text than one read");
    buffer_free(&client.reply);
}

static void a_failing_handler_is_rolled_back_and_its_reply_dropped(void **state)
{
    (void)state;
    struct client client = {.variables = {GET_URI("/api/2.0/fail"), "QUERY_STRING", "number=6", NULL}};
    const char *reply = ask(&client);
    assert_has(reply, "said on purpose");
    assert_has_not(reply, "half a reply");
    assert_string_equal(fixture_transactions, "br");
    buffer_free(&client.reply);
}

static void an_error_has_the_shape_that_its_row_says(void **state)
{
    (void)state;
    char query[32];
    snprintf(query, sizeof(query), "number=%d", RESOURCE_DOES_NOT_EXIST);
    struct client plain = {.variables = {GET_URI("/api/2.0/fail"), "QUERY_STRING", query, NULL}};
    assert_has(ask(&plain), "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\",\"message\":\"said on purpose\"}");
    struct client detail = {.variables = {GET_URI("/api/2.0/fail-detail"), "QUERY_STRING", query, NULL}};
    const char *reply = ask(&detail);
    assert_has(reply, "Status: 404 ");
    assert_has(reply, "\r\n\r\n{\"detail\":\"said on purpose\"}");
    struct client bad = {.variables = {GET_URI("/api/2.0/fail-detail"), "QUERY_STRING", "number=x", NULL}};
    assert_has(ask(&bad), "\r\n\r\n{\"detail\":\"");
    buffer_free(&plain.reply);
    buffer_free(&detail.reply);
    buffer_free(&bad.reply);
}

static void every_error_code_has_a_status_and_a_name(void **state)
{
    (void)state;
    for (int code = ERROR_NONE + 1; code < ERROR_CODES; code++) {
        char query[32];
        snprintf(query, sizeof(query), "number=%d", code);
        struct client client = {.variables = {GET_URI("/api/2.0/fail"), "QUERY_STRING", query, NULL}};
        const char *reply = ask(&client);
        assert_has_not(reply, "Status: 0");
        assert_has_not(reply, "Status: 200");
        assert_has_not(reply, "\"error_code\":\"\"");
        buffer_free(&client.reply);
    }
}

static void a_request_that_eats_all_memory_is_answered_and_the_next_one_too(void **state)
{
    (void)state;
    struct server *server = fixture_server("", false);
    struct client client = {.variables = {GET_URI("/api/2.0/eat-memory"), NULL}};
    const char *reply = ask_server(server, &client);
    assert_has(reply, "Status: 503 ");
    assert_has(reply, "TEMPORARILY_UNAVAILABLE");
    assert_string_equal(fixture_transactions, "br");
    struct client next = {.variables = {GET_URI("/health"), NULL}};
    assert_has(ask_server(server, &next), "Status: 200 OK");
    server_free(server);
    buffer_free(&client.reply);
    buffer_free(&next.reply);
}

static void a_handler_without_a_reply_is_our_fault(void **state)
{
    (void)state;
    struct client client = {.variables = {GET_URI("/api/2.0/silent"), NULL}};
    const char *reply = ask(&client);
    assert_has(reply, "Status: 500 ");
    assert_has(reply, "INTERNAL_ERROR");
    buffer_free(&client.reply);
}

static void a_body_over_the_limit_of_its_operation_is_413_with_and_without_a_length(void **state)
{
    (void)state;
    char body[1100];
    memset(body, ' ', sizeof(body));
    struct client known = {.variables = {POST_ECHO, "CONTENT_LENGTH", "1001", NULL}};
    assert_has(ask(&known), "Status: 413 ");
    struct client unknown = {.variables = {POST_ECHO, NULL}, .body = {body, sizeof(body)}};
    assert_has(ask(&unknown), "Status: 413 ");
    assert_string_equal(fixture_transactions, "");
    buffer_free(&known.reply);
    buffer_free(&unknown.reply);
}

static void a_slow_body_is_408_and_a_short_one_400(void **state)
{
    (void)state;
    struct client slow = {.variables = {POST_ECHO, "CONTENT_LENGTH", "10", NULL}, .read_result = -2};
    assert_has(ask(&slow), "Status: 408 ");
    struct client cut = {.variables = {POST_ECHO, "CONTENT_LENGTH", "10", NULL}, .body = SV("{\"te")};
    const char *reply = ask(&cut);
    assert_has(reply, "Status: 400 ");
    assert_has(reply, "ended after 4 of 10 bytes");
    struct client odd = {.variables = {POST_ECHO, "CONTENT_LENGTH", "1e3", NULL}};
    assert_has(ask(&odd), "Content-Length is not a number");
    buffer_free(&slow.reply);
    buffer_free(&cut.reply);
    buffer_free(&odd.reply);
}

static void a_foreign_host_is_refused_before_routing(void **state)
{
    (void)state;
    static const char *const paths[] = {"/api/2.0/echo", "/nowhere", "/ajax-api/2.0/echo", "/"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct client client = {.variables = {"REQUEST_METHOD", "POST", "REQUEST_URI", paths[i], "HTTP_HOST",
                                              "evil.example", NULL}};
        const char *reply = ask(&client);
        assert_has(reply, "Status: 403 ");
        assert_has(reply, "Content-Type: text/plain\r\n");
        assert_has(reply, "\r\n\r\n" HOST_REFUSED_TEXT);
        assert_has_not(reply, "nosniff");
        buffer_free(&client.reply);
    }
}

static void probes_are_answered_whatever_the_host(void **state)
{
    (void)state;
    struct client client = {.variables = {"REQUEST_METHOD", "GET", "REQUEST_URI", "/p/health", "HTTP_HOST",
                                          "evil.example", NULL}};
    struct server *server = fixture_server("/p", false);
    assert_has(ask_server(server, &client), "\r\n\r\nOK");
    server_free(server);
    buffer_free(&client.reply);
}

static void a_cross_site_write_is_refused_on_every_path(void **state)
{
    (void)state;
    static const char *const paths[] = {"/api/2.0/echo", "/ajax-api/2.0/echo", "/nowhere", "/gateway/x"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct client client = {.variables = {"REQUEST_METHOD", "POST", "REQUEST_URI", paths[i], "HTTP_HOST",
                                              "localhost", "HTTP_ORIGIN", "http://evil.example", NULL}};
        const char *reply = ask(&client);
        assert_has(reply, "Status: 403 ");
        assert_has(reply, "\r\n\r\n" ORIGIN_REFUSED_TEXT);
        assert_has_not(reply, "access-control-allow-origin");
        buffer_free(&client.reply);
    }
}

static void a_preflight_is_answered_for_admitted_origins_only(void **state)
{
    (void)state;
#define PREFLIGHT(origin, method)                                                              \
    {                                                                                          \
        "REQUEST_METHOD", "OPTIONS", "REQUEST_URI", "/api/2.0/echo", "HTTP_HOST", "localhost", \
            "HTTP_ORIGIN", origin, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", method,               \
            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "x-a", NULL                                 \
    }
    struct client good = {.variables = PREFLIGHT("http://localhost:3000", "POST")};
    const char *reply = ask(&good);
    assert_has(reply, "Status: 200 OK");
    assert_has(reply, "access-control-allow-origin: http://localhost:3000\r\n");
    assert_has(reply, "access-control-allow-headers: x-a\r\n");
    struct client foreign = {.variables = PREFLIGHT("http://evil.example", "POST")};
    reply = ask(&foreign);
    assert_has(reply, "Status: 400 ");
    assert_has_not(reply, "access-control-allow-origin");
    struct client trace = {.variables = PREFLIGHT("http://localhost:3000", "TRACE")};
    assert_has(ask(&trace), "Disallowed CORS method");
    buffer_free(&good.reply);
    buffer_free(&foreign.reply);
    buffer_free(&trace.reply);
}

static void options_without_origin_lists_the_methods(void **state)
{
    (void)state;
    struct client api = {.variables = {"REQUEST_METHOD", "OPTIONS", "REQUEST_URI", "/api/2.0/echo",
                                       "HTTP_HOST", "localhost", NULL}};
    const char *reply = ask(&api);
    assert_has(reply, "Status: 204 ");
    assert_has(reply, "allow: POST, OPTIONS\r\n");
    assert_has_not(reply, "Content-Length");
    buffer_free(&api.reply);
}

static void unknown_paths_and_wrong_methods_answer_json(void **state)
{
    (void)state;
    struct client unknown = {.variables = {GET_URI("/nowhere"), NULL}};
    const char *reply = ask(&unknown);
    assert_has(reply, "Status: 404 ");
    assert_has(reply, "\"error_code\":\"ENDPOINT_NOT_FOUND\"");
    struct client wrong = {.variables = {GET_URI("/api/2.0/echo"), NULL}};
    reply = ask(&wrong);
    assert_has(reply, "Status: 405 ");
    assert_has(reply, "allow: POST, OPTIONS\r\n");
    assert_has(reply, "application/json");
    buffer_free(&unknown.reply);
    buffer_free(&wrong.reply);
}

static void artifacts_only_names_the_route_that_is_off(void **state)
{
    (void)state;
    struct server *server = fixture_server("", true);
    struct client item = {.variables = {GET_URI("/api/2.0/items/7"), NULL}};
    const char *reply = ask_server(server, &item);
    assert_has(reply, "Status: 503 ");
    assert_has(reply, "Content-Type: text/html\r\n");
    assert_has(reply, "Endpoint: /api/2.0/items/<id> disabled due to the mlflow server running in "
                      "`--artifacts-only` mode. ");
    struct client health = {.variables = {GET_URI("/health"), NULL}};
    assert_has(ask_server(server, &health), "Status: 200 OK");
    server_free(server);
    buffer_free(&item.reply);
    buffer_free(&health.reply);
}

static void a_sane_request_id_is_taken_over_and_any_other_replaced(void **state)
{
    (void)state;
    struct client sane = {.variables = {GET_URI("/health"), "HTTP_X_REQUEST_ID", "abc-1.2_3", NULL}};
    assert_has(ask(&sane), "x-request-id: abc-1.2_3\r\n");
    struct client forged = {
        .variables = {GET_URI("/health"), "HTTP_X_REQUEST_ID", "a\r\nset-cookie: x", NULL}};
    assert_has_not(ask(&forged), "set-cookie");
    char long_id[100];
    memset(long_id, 'a', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    struct client large = {.variables = {GET_URI("/health"), "HTTP_X_REQUEST_ID", long_id, NULL}};
    assert_has_not(ask(&large), "aaaa");
    buffer_free(&sane.reply);
    buffer_free(&forged.reply);
    buffer_free(&large.reply);
}

static void head_has_the_headers_of_get_and_no_body(void **state)
{
    (void)state;
    struct client client = {
        .variables = {"REQUEST_METHOD", "HEAD", "REQUEST_URI", "/health", "HTTP_HOST", "localhost", NULL}};
    const char *reply = ask(&client);
    assert_has(reply, "Content-Length: 2\r\n");
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    buffer_free(&client.reply);
}

static void a_stream_takes_a_new_snapshot_for_each_page(void **state)
{
    (void)state;
    struct client client = {.variables = {GET_URI("/api/2.0/stream"), "QUERY_STRING", "number=3", NULL}};
    const char *reply = ask(&client);
    assert_has(reply, "page 0\npage 1\npage 2\n");
    assert_has_not(reply, "Content-Length");
    assert_has(reply, "nosniff");
    assert_string_equal(fixture_transactions, "bcbcbcbc");
    buffer_free(&client.reply);
}

static void a_client_that_leaves_in_a_stream_ends_it(void **state)
{
    (void)state;
    struct client client = {.variables = {GET_URI("/api/2.0/stream"), "QUERY_STRING", "number=1000000", NULL},
                            .writes_before_failure = 4};
    assert_has(ask(&client), "page 2\n");
    assert_true(strlen(fixture_transactions) < 10);
    buffer_free(&client.reply);
}

static void an_error_before_the_first_page_of_a_stream_is_a_whole_refusal(void **state)
{
    (void)state;
    struct server *server = fixture_server("", false);
    struct client client = {.variables = {GET_URI("/api/2.0/stream"), "QUERY_STRING", "number=2", NULL}};
    fixture_commit_fails = true;
    const char *reply = ask_server(server, &client);
    assert_has(reply, "Status: 503 ");
    assert_has_not(reply, "page 0");
    assert_false(client.aborted);
    server_free(server);
    buffer_free(&client.reply);
}

static void an_error_in_a_started_stream_breaks_the_connection_off(void **state)
{
    (void)state;
    struct server *server = fixture_server("", false);
    struct client client = {.variables = {GET_URI("/api/2.0/stream"), "QUERY_STRING", "number=3", NULL}};
    fixture_commit_fails = true;
    fixture_good_commits = 1;
    const char *reply = ask_server(server, &client);
    assert_has(reply, "Status: 200 ");
    assert_has(reply, "page 0\n");
    assert_has_not(reply, "page 1");
    assert_has_not(reply, "error_code");
    assert_true(client.aborted);
    server_free(server);
    buffer_free(&client.reply);
}

static void the_absolute_form_of_a_target_is_understood(void **state)
{
    (void)state;
    struct client client = {.variables = {GET_URI("http://localhost/health?x=1"), NULL}};
    assert_has(ask(&client), "\r\n\r\nOK");
    buffer_free(&client.reply);
}

static void an_endless_url_is_414(void **state)
{
    (void)state;
    char *uri = malloc(QUERY_LIMIT_BYTES + 2);
    memset(uri, 'a', QUERY_LIMIT_BYTES + 1);
    uri[0] = '/';
    uri[QUERY_LIMIT_BYTES + 1] = '\0';
    struct client path = {.variables = {GET_URI(uri), NULL}};
    assert_has(ask(&path), "Status: 414 ");
    struct client query = {.variables = {GET_URI("/health"), "QUERY_STRING", uri, NULL}};
    assert_has(ask(&query), "Status: 414 ");
    free(uri);
    buffer_free(&path.reply);
    buffer_free(&query.reply);
}

int main(void)
{
    log_init("test", LOG_LEVEL_ERROR);
    log_open("/dev/null");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_answers_after_its_commit),
        cmocka_unit_test(a_failed_commit_takes_the_reply_back),
        cmocka_unit_test(a_body_without_a_length_is_read_to_its_end),
        cmocka_unit_test(a_failing_handler_is_rolled_back_and_its_reply_dropped),
        cmocka_unit_test(an_error_has_the_shape_that_its_row_says),
        cmocka_unit_test(every_error_code_has_a_status_and_a_name),
        cmocka_unit_test(a_request_that_eats_all_memory_is_answered_and_the_next_one_too),
        cmocka_unit_test(a_handler_without_a_reply_is_our_fault),
        cmocka_unit_test(a_body_over_the_limit_of_its_operation_is_413_with_and_without_a_length),
        cmocka_unit_test(a_slow_body_is_408_and_a_short_one_400),
        cmocka_unit_test(a_foreign_host_is_refused_before_routing),
        cmocka_unit_test(probes_are_answered_whatever_the_host),
        cmocka_unit_test(a_cross_site_write_is_refused_on_every_path),
        cmocka_unit_test(a_preflight_is_answered_for_admitted_origins_only),
        cmocka_unit_test(options_without_origin_lists_the_methods),
        cmocka_unit_test(unknown_paths_and_wrong_methods_answer_json),
        cmocka_unit_test(artifacts_only_names_the_route_that_is_off),
        cmocka_unit_test(a_sane_request_id_is_taken_over_and_any_other_replaced),
        cmocka_unit_test(head_has_the_headers_of_get_and_no_body),
        cmocka_unit_test(a_stream_takes_a_new_snapshot_for_each_page),
        cmocka_unit_test(a_client_that_leaves_in_a_stream_ends_it),
        cmocka_unit_test(an_error_before_the_first_page_of_a_stream_is_a_whole_refusal),
        cmocka_unit_test(an_error_in_a_started_stream_breaks_the_connection_off),
        cmocka_unit_test(the_absolute_form_of_a_target_is_understood),
        cmocka_unit_test(an_endless_url_is_414),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
