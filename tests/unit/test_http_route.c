#include "common/http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum status answer(struct request *request, const void *in)
{
    (void)request;
    (void)in;
    return OK;
}

#define ROW(method_, root_, path_)                                                                      \
    {                                                                                                   \
        .name = path_, .area = "test", .method = METHOD_##method_, .root = ROOT_##root_, .path = path_, \
        .handler = answer, .needs = NEEDS(ANY, NONE)                                                    \
    }

static const struct operation rows[] = {
    ROW(GET, API_2, "/mlflow/runs/get"),
    ROW(POST, API_2, "/mlflow/runs/search"),
    ROW(GET, API_2, "/mlflow/experiments/search"),
    ROW(POST, API_2, "/mlflow/experiments/search"),
    ROW(GET, API_3, "/mlflow/traces/{trace_id}"),
    ROW(GET, API_3, "/mlflow/traces/get"),
    ROW(DELETE, API_3, "/mlflow/traces/{trace_id}/tags/{key}"),
    ROW(GET, AJAX_2, "/mlflow/metrics/get-history-bulk"),
    ROW(PUT, API_2, "/mlflow-artifacts/artifacts/{artifact_path...}"),
    ROW(POST, PLAIN, "/models/{name}:generate"),
    ROW(POST, PLAIN, "/models/{name}:streamGenerate"),
    ROW(POST, AJAX_3, "/jobs/"),
    ROW(GET, PREFIXED, "/health"),
    ROW(GET, BOTH, "/both"),
    {.path = NULL},
};

static const struct operation *const tables[] = {rows, NULL};
static const struct program program = {.name = "test", .tables = tables};

struct found {
    enum route_outcome outcome;
    struct request request;
    struct sv allow;
};

static struct arena *arena;
static struct router *last_router;

static struct found find(const char *prefix, enum http_method method, const char *path)
{
    router_free(last_router); /* what was found points into it */
    struct router *router = router_new(&program, sv_from(prefix));
    struct found found = {.request = {.arena = arena, .method = method}};
    found.outcome = router_find(router, &found.request, sv_from(path), &found.allow);
    last_router = router;
    return found;
}

static void assert_text(struct sv text, const char *expected)
{
    assert_true(text.data != NULL);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void assert_row(const char *prefix, enum http_method method, const char *path, const char *row)
{
    struct found found = find(prefix, method, path);
    assert_int_equal(found.outcome, ROUTE_FOUND);
    assert_string_equal(found.request.operation->path, row);
}

static void an_operation_answers_below_api_and_ajax_api(void **state)
{
    (void)state;
    assert_row("", METHOD_GET, "/api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_row("", METHOD_GET, "/ajax-api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_int_equal(find("", METHOD_GET, "/api/3.0/mlflow/runs/get").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("", METHOD_GET, "/api/2.0/mlflow/runs/get/").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("", METHOD_GET, "/api/2.0/mlflow//runs/get").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("", METHOD_GET, "/api/2.0/mlflow/metrics/get-history-bulk").outcome, ROUTE_UNKNOWN);
}

static void a_static_prefix_moves_all_but_api(void **state)
{
    (void)state;
    assert_row("/p", METHOD_GET, "/api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_row("/p", METHOD_GET, "/p/ajax-api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_row("/p", METHOD_GET, "/p/health", "/health");
    assert_row("/p", METHOD_GET, "/both", "/both");
    assert_row("/p", METHOD_GET, "/p/both", "/both");
    assert_int_equal(find("/p", METHOD_GET, "/health").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("/p", METHOD_GET, "/p/api/2.0/mlflow/runs/get").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("/p", METHOD_GET, "/ajax-api/2.0/mlflow/runs/get").outcome, ROUTE_UNKNOWN);
}

static void head_takes_the_row_of_get(void **state)
{
    (void)state;
    assert_row("", METHOD_HEAD, "/api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_int_equal(find("", METHOD_HEAD, "/api/2.0/mlflow/runs/search").outcome, ROUTE_WRONG_METHOD);
}

static void a_wrong_method_names_the_right_ones(void **state)
{
    (void)state;
    struct found found = find("", METHOD_DELETE, "/api/2.0/mlflow/experiments/search");
    assert_int_equal(found.outcome, ROUTE_WRONG_METHOD);
    assert_text(found.allow, "GET, HEAD, POST, OPTIONS");
    assert_text(find("", METHOD_GET, "/api/2.0/mlflow/runs/search").allow, "POST, OPTIONS");
}

static void literals_win_over_parameters(void **state)
{
    (void)state;
    assert_row("", METHOD_GET, "/api/3.0/mlflow/traces/get", "/mlflow/traces/get");
    struct found found = find("", METHOD_GET, "/api/3.0/mlflow/traces/tr-1");
    assert_string_equal(found.request.operation->path, "/mlflow/traces/{trace_id}");
    assert_text(request_parameter(&found.request, "trace_id"), "tr-1");
    assert_text(found.request.pattern, "/api/3.0/mlflow/traces/{trace_id}");
}

static void a_failed_branch_leaves_no_parameter_behind(void **state)
{
    (void)state;
    struct found found = find("", METHOD_DELETE, "/api/3.0/mlflow/traces/get/tags/k%20v");
    assert_int_equal(found.outcome, ROUTE_FOUND);
    assert_int_equal(found.request.parameter_count, 2);
    assert_text(request_parameter(&found.request, "trace_id"), "get");
    assert_text(request_parameter(&found.request, "key"), "k v");
    assert_true(request_parameter(&found.request, "other").data == NULL);
}

static void a_parameter_is_decoded_once_and_never_spans_a_slash(void **state)
{
    (void)state;
    struct found found = find("", METHOD_GET, "/api/3.0/mlflow/traces/a%2541");
    assert_text(request_parameter(&found.request, "trace_id"), "a%41");
    assert_int_equal(find("", METHOD_GET, "/api/3.0/mlflow/traces/a%2Fb").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("", METHOD_GET, "/api/3.0/mlflow/traces/").outcome, ROUTE_UNKNOWN);
}

static void malformed_paths_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/api/3.0/mlflow/traces/..",
        "/api/3.0/mlflow/traces/%2e%2e",
        "/api/3.0/mlflow/traces/.",
        "/api/2.0/mlflow/runs/get%",
        "/api/2.0/mlflow/runs/get%zz",
        "/api/2.0/mlflow/runs/%00",
        "/%ff",
        "",
        "api",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(find("", METHOD_GET, paths[i]).outcome, ROUTE_BAD_PATH);
}

static void a_path_of_too_many_segments_is_refused(void **state)
{
    (void)state;
    char path[1024];
    memset(path, '/', sizeof(path) - 1);
    for (size_t i = 1; i < sizeof(path) - 1; i += 2)
        path[i] = 'a';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(find("", METHOD_GET, path).outcome, ROUTE_BAD_PATH);
}

static void leading_slashes_are_merged(void **state)
{
    (void)state;
    assert_row("", METHOD_GET, "//api/2.0/mlflow/runs/get", "/mlflow/runs/get");
    assert_row("", METHOD_GET, "////health", "/health");
}

static void the_rest_of_a_path_is_handed_over_whole(void **state)
{
    (void)state;
    struct found found = find("", METHOD_PUT, "/api/2.0/mlflow-artifacts/artifacts/a/./b%2Fc//d%2541.txt");
    assert_int_equal(found.outcome, ROUTE_FOUND);
    assert_text(request_parameter(&found.request, "artifact_path"), "a/./b/c//d%41.txt");
    assert_int_equal(find("", METHOD_PUT, "/api/2.0/mlflow-artifacts/artifacts").outcome, ROUTE_UNKNOWN);
}

static void a_suffix_may_follow_a_parameter(void **state)
{
    (void)state;
    struct found found = find("", METHOD_POST, "/models/gpt:streamGenerate");
    assert_string_equal(found.request.operation->path, "/models/{name}:streamGenerate");
    assert_text(request_parameter(&found.request, "name"), "gpt");
    assert_string_equal(find("", METHOD_POST, "/models/gpt:generate").request.operation->path,
                        "/models/{name}:generate");
    assert_int_equal(find("", METHOD_POST, "/models/:generate").outcome, ROUTE_UNKNOWN);
    assert_int_equal(find("", METHOD_POST, "/models/gpt").outcome, ROUTE_UNKNOWN);
}

static void a_path_may_end_in_a_slash(void **state)
{
    (void)state;
    assert_row("", METHOD_POST, "/ajax-api/3.0/jobs/", "/jobs/");
    assert_int_equal(find("", METHOD_POST, "/ajax-api/3.0/jobs").outcome, ROUTE_UNKNOWN);
}

static int begin_test(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    router_free(last_router);
    last_router = NULL;
    arena_free(arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_operation_answers_below_api_and_ajax_api),
        TEST(a_static_prefix_moves_all_but_api),
        TEST(head_takes_the_row_of_get),
        TEST(a_wrong_method_names_the_right_ones),
        TEST(literals_win_over_parameters),
        TEST(a_failed_branch_leaves_no_parameter_behind),
        TEST(a_parameter_is_decoded_once_and_never_spans_a_slash),
        TEST(malformed_paths_are_refused),
        TEST(a_path_of_too_many_segments_is_refused),
        TEST(leading_slashes_are_merged),
        TEST(the_rest_of_a_path_is_handed_over_whole),
        TEST(a_suffix_may_follow_a_parameter),
        TEST(a_path_may_end_in_a_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
