#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"

#define CONTENT_MAX (1024 * 1024)

struct fixture {
    char directory[32];
    char path[64];
    char other[64];
    char content[CONTENT_MAX];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/test_log.XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/log", fixture->directory);
    snprintf(fixture->other, sizeof fixture->other, "%s/log.1", fixture->directory);
    log_init("test", LOG_LEVEL_INFO);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    log_open(NULL);
    unlink(fixture->path);
    unlink(fixture->other);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static const char *read_back(struct fixture *fixture, const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(fixture->content, 1, CONTENT_MAX - 1, file);
    fclose(file);
    fixture->content[len] = '\0';
    return fixture->content;
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        found++;
    return found;
}

static size_t open_descriptors(void)
{
    size_t open = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        open++;
    closedir(directory);
    return open;
}

static void a_line_has_time_level_program_and_text(void **state)
{
    struct fixture *fixture = *state;
    assert_true(log_open(fixture->path));
    log_warning("answer=%d", 42);
    regex_t line;
    assert_int_equal(
        regcomp(&line,
                "^time=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z "
                "level=warning program=test answer=42\n$",
                REG_EXTENDED | REG_NOSUB),
        0);
    const char *content = read_back(fixture, fixture->path);
    int matches = regexec(&line, content, 0, NULL, 0);
    regfree(&line);
    if (matches != 0)
        fail_msg("'%s'", content);
}

static void lines_below_the_level_are_dropped(void **state)
{
    static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
                                            LOG_LEVEL_DEBUG};
    static const char *const names[] = {"level=error", "level=warning", "level=info", "level=debug"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 4; i++) {
        unlink(fixture->path);
        assert_true(log_open(fixture->path));
        log_init("test", levels[i]);
        log_error("a");
        log_warning("a");
        log_info("a");
        log_debug("a");
        const char *content = read_back(fixture, fixture->path);
        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(count(content, names[k]), k <= i);
            assert_true(log_enabled(levels[k]) == (k <= i));
        }
    }
}

static void control_characters_cannot_forge_a_line(void **state)
{
    struct fixture *fixture = *state;
    assert_true(log_open(fixture->path));
    log_info("%s", "a\nlevel=error forged\r\x1b[31m\t\x7f\x01 \xc3\xa9");
    const char *content = read_back(fixture, fixture->path);
    assert_int_equal(count(content, "\n"), 1);
    assert_int_equal(content[strlen(content) - 1], '\n');
    assert_non_null(strstr(content, "a\\x0alevel=error forged\\x0d\\x1b[31m\\x09\\x7f\\x01 \xc3\xa9\n"));
}

static void an_overlong_text_is_cut_to_one_line(void **state)
{
    struct fixture *fixture = *state;
    static char text[100000];
    static const char fills[] = {'x', '\n'};
    assert_true(log_open(fixture->path));
    for (size_t i = 0; i < 2; i++) {
        memset(text, fills[i], sizeof text - 1);
        log_info("%s", text);
    }
    log_info("short");
    const char *content = read_back(fixture, fixture->path);
    assert_int_equal(count(content, "\n"), 3);
    assert_true(strlen(content) > 8000);
    assert_true(strlen(content) <= (size_t)2 * 8192 + 100);
    assert_non_null(strstr(content, "program=test short\n"));
}

static void a_reopened_log_goes_to_the_new_file(void **state)
{
    struct fixture *fixture = *state;
    assert_true(log_open(fixture->path));
    log_info("before");
    assert_int_equal(rename(fixture->path, fixture->other), 0);
    log_info("between");
    assert_true(log_open(fixture->path));
    log_info("after");
    const char *content = read_back(fixture, fixture->other);
    assert_int_equal(count(content, "before") + count(content, "between"), 2);
    assert_int_equal(count(content, "after"), 0);
    content = read_back(fixture, fixture->path);
    assert_int_equal(count(content, "\n"), 1);
    assert_int_equal(count(content, "after"), 1);

    assert_true(log_open(fixture->path));
    log_info("appended");
    assert_int_equal(count(read_back(fixture, fixture->path), "\n"), 2);

    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07, 0);
}

/* Runs with standard error redirected into `path`. */
static int redirect_stderr(const char *path)
{
    int saved = dup(STDERR_FILENO);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && file >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    close(file);
    return saved;
}

static void restore_stderr(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void a_file_that_cannot_be_opened_leaves_standard_error(void **state)
{
    struct fixture *fixture = *state;
    assert_true(log_open(fixture->path));
    int saved = redirect_stderr(fixture->other);
    bool opened = log_open("/nonexistent/directory/log");
    log_info("lost");
    restore_stderr(saved);
    assert_false(opened);
    assert_int_equal(count(read_back(fixture, fixture->other), "lost"), 1);
    assert_int_equal(count(read_back(fixture, fixture->path), "lost"), 0);
}

static void reopening_leaks_no_descriptor(void **state)
{
    struct fixture *fixture = *state;
    log_open(fixture->path);
    log_open(NULL);
    size_t before = open_descriptors();
    for (int i = 0; i < 50; i++) {
        assert_true(log_open(fixture->path));
        assert_true(log_open(fixture->other));
        assert_false(log_open("/nonexistent/directory/log"));
        assert_true(log_open(NULL));
    }
    assert_int_equal(open_descriptors(), before);
    assert_true(log_open(fixture->path));
    log_info("still");
    assert_int_equal(count(read_back(fixture, fixture->path), "still"), 1);
}

#define THREADS 8
#define LINES   200

static void *write_lines(void *argument)
{
    char fill[61];
    memset(fill, 'a' + *(int *)argument, 60);
    fill[60] = '\0';
    for (int i = 0; i < LINES; i++)
        log_info("<%s>", fill);
    return NULL;
}

static void lines_of_many_threads_stay_whole_while_the_log_is_reopened(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    assert_true(log_open(fixture->path));
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        assert_true(log_open(fixture->path));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    size_t lines = 0;
    char *at = (char *)(uintptr_t)read_back(fixture, fixture->path);
    for (char *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        *end = '\0';
        char *text = strchr(at, '<');
        assert_non_null(text);
        assert_int_equal(strlen(text), 62);
        assert_int_equal(strspn(text + 1, (char[]){text[1], '\0'}), 60);
        assert_int_equal(count(at, "time="), 1);
    }
    assert_int_equal(lines, THREADS * LINES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_time_level_program_and_text),
        TEST(lines_below_the_level_are_dropped),
        TEST(control_characters_cannot_forge_a_line),
        TEST(an_overlong_text_is_cut_to_one_line),
        TEST(a_reopened_log_goes_to_the_new_file),
        TEST(a_file_that_cannot_be_opened_leaves_standard_error),
        TEST(reopening_leaks_no_descriptor),
        TEST(lines_of_many_threads_stay_whole_while_the_log_is_reopened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
