#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/artifacts/local.h"
#include "common/artifacts/repository.h"

/* A repository in <top>/root, which does not exist yet, and <top>/secret beside it. */
struct fixture {
    char top[64];
    struct arena *arena;
    struct error error;
    struct repository_settings settings;
    struct repository *repository;
    const struct repository_kind *kind;
};

static const char *below(struct fixture *fixture, const char *path)
{
    return arena_printf(fixture->arena, "%s/%s", fixture->top, path).data;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    snprintf(fixture->top, sizeof(fixture->top), "/tmp/tracklight-repository-XXXXXX");
    if (!mkdtemp(fixture->top)) {
        free(fixture);
        return -1;
    }
    fixture->arena = arena_new(16UL * 1024 * 1024);
    fixture->settings.sync = true;
    *state = fixture;
    if (repository_open(&fixture->settings, fixture->arena, &fixture->error, sv_from(below(fixture, "root")),
                        &fixture->repository) != OK)
        return -1;
    fixture->kind = fixture->repository->kind;
    return mkdir(below(fixture, "secret"), 0700);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture->kind->end(fixture->repository);
    nftw(fixture->top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static enum status put(struct fixture *fixture, const char *path, const char *content)
{
    struct artifact_sink *sink;
    error_clear(&fixture->error);
    if (fixture->kind->create(fixture->repository, sv_from(path), -1, &sink) != OK)
        return FAILED;
    if (fixture->kind->write(sink, content, strlen(content)) == OK)
        return fixture->kind->finish(sink);
    fixture->kind->abandon(sink);
    return FAILED;
}

/* The content of [from, to], or absent. */
static struct sv get(struct fixture *fixture, const char *path, int64_t from, int64_t to)
{
    struct artifact_info info;
    struct artifact_source *source;
    char *bytes = arena_alloc(fixture->arena, 4096);
    size_t len = 0;
    error_clear(&fixture->error);
    if (fixture->kind->open(fixture->repository, sv_from(path), (struct artifact_range){from, to}, &info,
                            &source) != OK)
        return SV_ABSENT;
    for (long got; (got = fixture->kind->read(source, bytes + len, 3)) > 0;)
        len += (size_t)got;
    fixture->kind->close(source);
    return (struct sv){bytes, len};
}

static size_t count_entries(struct fixture *fixture, const char *path)
{
    struct artifact_entry *entries;
    size_t count;
    assert_int_equal(fixture->kind->list(fixture->repository, sv_from(path), &entries, &count), OK);
    return count;
}

static bool exists(struct fixture *fixture, const char *path)
{
    struct stat status;
    return lstat(below(fixture, path), &status) == 0;
}

static void what_is_written_is_read_in_whole_and_in_part(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, "a/b/c.txt", "0123456789"), OK);
    assert_true(sv_equal(get(fixture, "a/b/c.txt", 0, -1), SV("0123456789")));
    assert_true(sv_equal(get(fixture, "a/b/c.txt", 2, 4), SV("234")));
    assert_true(sv_equal(get(fixture, "a/b/c.txt", 8, 100), SV("89")));
    assert_true(sv_equal(get(fixture, "a/b/c.txt", 10, -1), SV("")));
    assert_int_equal(put(fixture, "empty", ""), OK);
    assert_true(sv_equal(get(fixture, "empty", 0, -1), SV("")));
    assert_int_equal(count_entries(fixture, ""), 2);
    assert_int_equal(count_entries(fixture, "a/b"), 1);
}

static void the_etag_changes_with_the_content(void **state)
{
    struct fixture *fixture = *state;
    struct artifact_info first, again, other;
    assert_int_equal(put(fixture, "f", "one"), OK);
    assert_int_equal(fixture->kind->stat(fixture->repository, SV("f"), &first), OK);
    assert_int_equal(fixture->kind->stat(fixture->repository, SV("f"), &again), OK);
    assert_int_equal(put(fixture, "f", "two"), OK);
    assert_int_equal(fixture->kind->stat(fixture->repository, SV("f"), &other), OK);
    assert_int_equal(first.size, 3);
    assert_true(first.modified_s > 0 && first.modified_s <= (int64_t)time(NULL));
    assert_true(sv_equal(first.etag, again.etag));
    assert_false(sv_equal(first.etag, other.etag));
}

static void nothing_is_seen_before_the_end_and_nothing_is_left_after_giving_up(void **state)
{
    struct fixture *fixture = *state;
    struct artifact_sink *sink;
    assert_int_equal(put(fixture, "f", "old"), OK);
    assert_int_equal(fixture->kind->create(fixture->repository, SV("f"), 3, &sink), OK);
    assert_int_equal(fixture->kind->write(sink, "new", 3), OK);
    assert_true(sv_equal(get(fixture, "f", 0, -1), SV("old")));
    assert_int_equal(count_entries(fixture, ""), 1);
    fixture->kind->abandon(sink);
    assert_true(sv_equal(get(fixture, "f", 0, -1), SV("old")));
    assert_int_equal(rmdir(below(fixture, "root")) == 0 || unlink(below(fixture, "root/f")), 0);
    assert_int_equal(rmdir(below(fixture, "root")), 0);
}

static void an_artifact_beyond_the_limit_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    struct artifact_sink *sink;
    fixture->settings.size_limit = 5;
    assert_int_equal(put(fixture, "f", "12345"), OK);
    assert_int_equal(put(fixture, "f", "123456"), FAILED);
    assert_int_equal(fixture->error.code, PAYLOAD_TOO_LARGE);
    error_clear(&fixture->error);
    assert_int_equal(fixture->kind->create(fixture->repository, SV("f"), 6, &sink), FAILED);
    assert_int_equal(fixture->error.code, PAYLOAD_TOO_LARGE);
    assert_true(sv_equal(get(fixture, "f", 0, -1), SV("12345")));
}

static void space_that_must_stay_free_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.free_space_limit = INT64_MAX;
    assert_int_equal(put(fixture, "d/f", "x"), FAILED);
    assert_int_equal(fixture->error.code, INSUFFICIENT_STORAGE);
    assert_int_equal(count_entries(fixture, "d"), 0);
    fixture->settings.free_space_limit = 0;
    struct artifact_sink *sink;
    error_clear(&fixture->error);
    assert_int_equal(fixture->kind->create(fixture->repository, SV("f"), INT64_MAX, &sink), FAILED);
    assert_int_equal(fixture->error.code, INSUFFICIENT_STORAGE);
}

static void places_without_room_for_a_file_are_refused(void **state)
{
    static const char *const paths[] = {"",
                                        "..",
                                        "d/..",
                                        "../evil",
                                        "d/../../evil",
                                        "d//f",
                                        "./f",
                                        "d",
                                        "d/f/below",
                                        (LOCAL_TEMPORARY_PREFIX "x"),
                                        (LOCAL_TEMPORARY_PREFIX "x/f")};
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, "d/f", "x"), OK);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(put(fixture, paths[i], "evil"), FAILED);
        assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    }
    char name[300];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(put(fixture, name, "x"), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
}

static void what_is_no_file_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        enum error_code code;
    } cases[] = {
        {"none", RESOURCE_DOES_NOT_EXIST},     {"none/below", RESOURCE_DOES_NOT_EXIST},
        {"f/below", RESOURCE_DOES_NOT_EXIST},  {"d", INVALID_PARAMETER_VALUE},
        {"pipe", RESOURCE_DOES_NOT_EXIST},     {"link", INVALID_PARAMETER_VALUE},
        {"link/key", INVALID_PARAMETER_VALUE}, {(LOCAL_TEMPORARY_PREFIX "x"), RESOURCE_DOES_NOT_EXIST},
        {"..", INVALID_PARAMETER_VALUE},       {"d/../f", INVALID_PARAMETER_VALUE},
        {".", INVALID_PARAMETER_VALUE},
    };
    assert_int_equal(put(fixture, "f", "x"), OK);
    assert_int_equal(put(fixture, "d/f", "x"), OK);
    assert_int_equal(mkfifo(below(fixture, "root/pipe"), 0600), 0);
    assert_int_equal(symlink(below(fixture, "secret"), below(fixture, "root/link")), 0);
    close(open(below(fixture, "root/" LOCAL_TEMPORARY_PREFIX "x"), O_CREAT | O_WRONLY, 0600));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct artifact_info info;
        assert_null(get(fixture, cases[i].path, 0, -1).data);
        assert_int_equal(fixture->error.code, cases[i].code);
        error_clear(&fixture->error);
        assert_int_equal(fixture->kind->stat(fixture->repository, sv_from(cases[i].path), &info), FAILED);
        assert_int_equal(fixture->error.code, cases[i].code);
    }
}

static enum status drop(struct fixture *fixture, const char *path)
{
    error_clear(&fixture->error);
    return fixture->kind->remove(fixture->repository, sv_from(path));
}

static void files_and_folders_are_removed_and_what_is_not_there_is_no_fault(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(drop(fixture, "root/is/not/there"), OK);
    assert_int_equal(put(fixture, "d/e/f", "x"), OK);
    assert_int_equal(put(fixture, "d/g", "x"), OK);
    assert_int_equal(put(fixture, "d2/g", "x"), OK);
    assert_int_equal(drop(fixture, "d/g"), OK);
    assert_false(exists(fixture, "root/d/g"));
    assert_int_equal(drop(fixture, "d"), OK);
    assert_false(exists(fixture, "root/d"));
    assert_int_equal(drop(fixture, "d"), OK);
    assert_int_equal(drop(fixture, "d2/g/below"), OK);
    assert_true(exists(fixture, "root/d2/g"));
    assert_int_equal(drop(fixture, ""), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    assert_true(exists(fixture, "root/d2/g"));
}

static void nothing_is_removed_through_a_link(void **state)
{
    struct fixture *fixture = *state;
    close(open(below(fixture, "secret/key"), O_CREAT | O_WRONLY, 0600));
    assert_int_equal(put(fixture, "d/f", "x"), OK);
    assert_int_equal(symlink(below(fixture, "secret"), below(fixture, "root/d/link")), 0);
    static const char *const paths[] = {"d/link", "d/link/key", "d/../../secret/key", ".."};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(drop(fixture, paths[i]), FAILED);
        assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    }
    assert_int_equal(put(fixture, "d/link/new", "evil"), FAILED);
    assert_false(exists(fixture, "secret/new"));
    assert_int_equal(drop(fixture, "d"), OK);
    assert_true(exists(fixture, "secret/key"));
}

static void make_old(const char *path)
{
    const struct timeval old[2] = {{.tv_sec = time(NULL) - 120}, {.tv_sec = time(NULL) - 120}};
    assert_int_equal(utimes(path, old), 0);
}

static void uploads_of_dead_processes_are_swept_and_those_of_living_ones_are_not(void **state)
{
    struct fixture *fixture = *state;
    const char *dead = below(fixture, "root/d/" LOCAL_TEMPORARY_PREFIX "dead");
    const char *alive = below(fixture, "root/d/" LOCAL_TEMPORARY_PREFIX "alive");
    const char *young = below(fixture, "root/d/" LOCAL_TEMPORARY_PREFIX "young");
    assert_int_equal(mkdir(below(fixture, "root"), 0700) || mkdir(below(fixture, "root/d"), 0700), 0);
    close(open(dead, O_CREAT | O_WRONLY, 0600));
    close(open(young, O_CREAT | O_WRONLY, 0600));
    int held = open(alive, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    make_old(dead);
    make_old(alive);
    assert_int_equal(put(fixture, "d/f", "x"), OK);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(access(alive, F_OK), 0);
    assert_int_equal(access(young, F_OK), 0);
    close(held);
}

static void other_schemes_are_refused_with_those_that_are_known(void **state)
{
    struct fixture *fixture = *state;
    static const char *const uris[] = {"gs://b/x", "weird://x", "http://h/x"};
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        struct repository *repository;
        error_clear(&fixture->error);
        assert_int_equal(repository_open(&fixture->settings, fixture->arena, &fixture->error,
                                         sv_from(uris[i]), &repository),
                         FAILED);
        assert_non_null(strstr(arena_cstr(fixture->arena, fixture->error.message), "s3"));
        assert_non_null(strstr(arena_cstr(fixture->arena, fixture->error.message), "file"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        /* First: a folder is looked at once an hour, and another test's folder may have had the same inode.
         */
        TEST(uploads_of_dead_processes_are_swept_and_those_of_living_ones_are_not),
        TEST(what_is_written_is_read_in_whole_and_in_part),
        TEST(the_etag_changes_with_the_content),
        TEST(nothing_is_seen_before_the_end_and_nothing_is_left_after_giving_up),
        TEST(an_artifact_beyond_the_limit_is_too_large),
        TEST(space_that_must_stay_free_is_not_taken),
        TEST(places_without_room_for_a_file_are_refused),
        TEST(what_is_no_file_is_not_read),
        TEST(files_and_folders_are_removed_and_what_is_not_there_is_no_fault),
        TEST(nothing_is_removed_through_a_link),
        TEST(other_schemes_are_refused_with_those_that_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
