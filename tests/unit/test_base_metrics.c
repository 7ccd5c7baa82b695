#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/metrics.h"

/* cmocka's fail() is a macro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    memcpy(directory, "/tmp/metrics-XXXXXX", 20);
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    metrics_close();
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-r", directory, (char *)NULL);
        _exit(1);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static void assert_text(const char *wanted, bool there)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_true(metrics_write(&out));
    buffer_append_byte(&out, '\0');
    bool found = strstr(out.data, wanted) != NULL;
    if (found != there)
        print_error("%s\n", out.data);
    buffer_free(&out);
    assert_true(found == there);
}

static void nothing_is_counted_before_the_files_are_open(void **state)
{
    (void)state;
    struct buffer out;
    assert_false(metrics_are_kept());
    metrics_add("mlflow_http_request_total", SV_ABSENT, 1);
    buffer_init(&out, 1024);
    assert_true(metrics_write(&out));
    assert_int_equal(out.len, 0);
    buffer_free(&out);
}

static void counters_and_histograms_are_told_in_the_text_format(void **state)
{
    (void)state;
    assert_true(metrics_open(directory, "tracking"));
    metrics_add("mlflow_http_request_total", SV("method=\"GET\",status=\"200\""), 1);
    metrics_add("mlflow_http_request_total", SV("method=\"GET\",status=\"200\""), 2);
    metrics_add("mlflow_http_request_total", SV("method=\"GET\",status=\"404\""), 1);
    metrics_add("tracklight_database_commits_total", SV_ABSENT, 0.5);
    assert_text("# TYPE mlflow_http_request_total counter\n"
                "mlflow_http_request_total{method=\"GET\",status=\"200\"} 3.0\n"
                "mlflow_http_request_total{method=\"GET\",status=\"404\"} 1.0\n",
                true);
    assert_text("\ntracklight_database_commits_total 0.5\n", true);
    metrics_observe("tracklight_request_duration_seconds", SV("program=\"a\""), 0.005);
    metrics_observe("tracklight_request_duration_seconds", SV("program=\"a\""), 0.006);
    metrics_observe("tracklight_request_duration_seconds", SV("program=\"a\""), 99);
    assert_text("# TYPE tracklight_request_duration_seconds histogram\n"
                "tracklight_request_duration_seconds_bucket{program=\"a\",le=\"0.005\"} 1.0\n"
                "tracklight_request_duration_seconds_bucket{program=\"a\",le=\"0.01\"} 2.0\n",
                true);
    assert_text("tracklight_request_duration_seconds_bucket{program=\"a\",le=\"10.0\"} 2.0\n"
                "tracklight_request_duration_seconds_bucket{program=\"a\",le=\"+Inf\"} 3.0\n"
                "tracklight_request_duration_seconds_count{program=\"a\"} 3.0\n"
                "tracklight_request_duration_seconds_sum{program=\"a\"} 99.011\n",
                true);
}

/* Counts in a process of its own; `linger` is closed by the caller to end it, -1 lets it end at once. */
static pid_t count_elsewhere(int ready, int linger)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char byte = 0;
    if (!metrics_open(directory, "artifacts"))
        _exit(1);
    for (int i = 0; i < 1000; i++)
        metrics_add("mlflow_http_request_total", SV_ABSENT, 1);
    if (write(ready, &byte, 1) != 1)
        _exit(1);
    while (linger >= 0 && read(linger, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static void what_other_processes_counted_is_added_while_they_live_and_after(void **state)
{
    (void)state;
    int ready[2], linger[2], status;
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(linger), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(linger[1]);
        pid_t inner = count_elsewhere(ready[1], linger[0]);
        _exit(waitpid(inner, &status, 0) == inner ? status != 0 : 1);
    }
    close(linger[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(metrics_open(directory, "tracking"));
    metrics_add("mlflow_http_request_total", SV_ABSENT, 7);
    assert_text("mlflow_http_request_total 1007.0\n", true);
    close(linger[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_text("mlflow_http_request_total 1007.0\n", true);
    metrics_close();
    assert_true(metrics_open(directory, "tracking"));
    assert_text("mlflow_http_request_total 1007.0\n", true);
    metrics_close();
    assert_true(metrics_open(directory, "tracking"));
    assert_text("mlflow_http_request_total 1007.0\n", true);
    close(ready[0]);
    close(ready[1]);
}

static void series_beyond_the_limit_and_texts_too_long_are_left_out(void **state)
{
    (void)state;
    char labels[METRICS_LABELS_MAX + 2];
    assert_true(metrics_open(directory, "tracking"));
    for (int i = 0; i < METRICS_SERIES_MAX + 10; i++) {
        snprintf(labels, sizeof(labels), "n=\"%d\"", i);
        metrics_add("tracklight_requests_total", sv_from(labels), 1);
    }
    assert_text("tracklight_requests_total{n=\"767\"} 1.0\n", true);
    assert_text("tracklight_requests_total{n=\"768\"}", false);
    memset(labels, 'x', sizeof(labels));
    metrics_add("tracklight_requests_total", (struct sv){labels, METRICS_LABELS_MAX + 1}, 1);
    assert_text("xxxx", false);
}

static void files_of_others_in_the_directory_do_no_harm(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/stranger.metrics", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("nothing of ours", file);
    fclose(file);
    assert_true(metrics_open(directory, "tracking"));
    metrics_add("mlflow_http_request_total", SV_ABSENT, 1);
    assert_text("mlflow_http_request_total 1.0\n", true);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_directory_that_cannot_be_made_turns_counting_off(void **state)
{
    (void)state;
    assert_false(metrics_open("/proc/none/metrics", "tracking"));
    assert_false(metrics_are_kept());
}

int main(void)
{
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_before_the_files_are_open),
        WITH_DIRECTORY(counters_and_histograms_are_told_in_the_text_format),
        WITH_DIRECTORY(what_other_processes_counted_is_added_while_they_live_and_after),
        WITH_DIRECTORY(series_beyond_the_limit_and_texts_too_long_are_left_out),
        WITH_DIRECTORY(files_of_others_in_the_directory_do_no_harm),
        cmocka_unit_test(a_directory_that_cannot_be_made_turns_counting_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
