#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/job_signal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* A file that stands for a database, and where its signals go. */
struct files {
    char folder[64], database[96], signals[128];
};

static int setup(void **state)
{
    static struct files files;
    snprintf(files.folder, sizeof(files.folder), "/tmp/job-signal-XXXXXX");
    if (!mkdtemp(files.folder))
        return -1;
    snprintf(files.database, sizeof(files.database), "%s/t.db", files.folder);
    snprintf(files.signals, sizeof(files.signals), "%s-jobs", files.database);
    int fd = open(files.database, O_WRONLY | O_CREAT | O_EXCL, 0640);
    if (fd < 0 || fchmod(fd, 0640) != 0)
        return -1;
    close(fd);
    *state = &files;
    return 0;
}

static int teardown(void **state)
{
    struct files *files = *state;
    unlink(files->signals);
    unlink(files->database);
    return rmdir(files->folder);
}

static bool is_readable(struct job_signal *signal)
{
    struct pollfd polled = {.fd = job_signal_fd(signal), .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static void test_a_signal_wakes_everybody_who_watches_once(void **state)
{
    struct files *files = *state;
    struct job_signal *one = job_signal_open(sv_from(files->database));
    struct job_signal *other = job_signal_open(sv_from(files->database));
    assert_non_null(one);
    assert_non_null(other);
    assert_false(is_readable(one));
    assert_false(job_signal_take(one));
    job_signal_send(sv_from(files->database));
    assert_true(is_readable(one));
    assert_true(job_signal_take(one));
    assert_true(job_signal_take(other));
    assert_false(is_readable(one));
    assert_false(job_signal_take(one));
    job_signal_close(one);
    job_signal_close(other);
}

static void test_nobody_needs_to_watch(void **state)
{
    struct files *files = *state;
    job_signal_send(sv_from(files->database));
    struct job_signal *late = job_signal_open(sv_from(files->database));
    assert_non_null(late);
    assert_false(job_signal_take(late));
    job_signal_send(sv_from(files->database));
    assert_true(job_signal_take(late));
    job_signal_close(late);
}

static void test_signals_get_through_after_the_file_was_removed(void **state)
{
    struct files *files = *state;
    struct job_signal *signal = job_signal_open(sv_from(files->database));
    assert_non_null(signal);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(unlink(files->signals), 0);
        job_signal_take(signal);
        job_signal_take(signal);
        job_signal_send(sv_from(files->database));
        assert_true(is_readable(signal));
        assert_true(job_signal_take(signal));
    }
    job_signal_close(signal);
}

static void test_the_file_may_be_used_by_whoever_may_use_the_database(void **state)
{
    struct files *files = *state;
    struct stat file;
    job_signal_send(sv_from(files->database));
    assert_int_equal(stat(files->signals, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0640);
}

static void test_a_database_that_is_gone_cannot_be_watched_nor_signalled(void **state)
{
    struct files *files = *state;
    char missing[128];
    snprintf(missing, sizeof(missing), "%s/none.db", files->folder);
    job_signal_send(sv_from(missing));
    assert_null(job_signal_open(sv_from(missing)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_signal_wakes_everybody_who_watches_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_needs_to_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signals_get_through_after_the_file_was_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_file_may_be_used_by_whoever_may_use_the_database, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_database_that_is_gone_cannot_be_watched_nor_signalled, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
