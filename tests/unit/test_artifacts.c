#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/artifacts/local.h"
#include "common/artifacts/local_internal.h"
#include "common/artifacts/path.h"
#include "common/artifacts/resolve.h"

/* A folder <top> with <top>/root as artifact root and <top>/secret beside it. */
struct fixture {
    char top[64];
    struct arena *arena;
    struct error error;
    struct local_root root;
};

static const char *below(struct fixture *fixture, const char *path)
{
    return arena_printf(fixture->arena, "%s/%s", fixture->top, path).data;
}

static void put_file(struct fixture *fixture, const char *path, const char *content)
{
    FILE *file = fopen(below(fixture, path), "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    snprintf(fixture->top, sizeof(fixture->top), "/tmp/tracklight-artifacts-XXXXXX");
    if (!mkdtemp(fixture->top)) {
        free(fixture);
        return -1;
    }
    fixture->arena = arena_new(16UL * 1024 * 1024);
    fixture->root = (struct local_root){sv_from(below(fixture, "root")), SV("")};
    *state = fixture;
    mkdir(below(fixture, "root"), 0700);
    mkdir(below(fixture, "root/sub"), 0700);
    mkdir(below(fixture, "root/sub/deep"), 0700);
    mkdir(below(fixture, "secret"), 0700);
    put_file(fixture, "root/b.txt", "12345");
    put_file(fixture, "root/sub/c", "");
    put_file(fixture, "secret/key", "s");
    return symlink(below(fixture, "secret"), below(fixture, "root/link")) ||
           symlink("sub", below(fixture, "root/inner"));
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    nftw(fixture->top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static void clean_paths_lose_empty_and_dot_segments(void **state)
{
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"", ""},     {".", ""},      {"./d", "d"},   {"d//s", "d/s"},  {"d/", "d"},
        {"d/.", "d"}, {"..a", "..a"}, {"a..", "a.."}, {"...", "..."},   {"a:b", "a:b"},
        {"~", "~"},   {"a b", "a b"}, {"é/ü", "é/ü"}, {"a%41", "a%41"}, {"100%", "100%"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv clean;
        assert_int_equal(artifact_path_check(fixture->arena, &fixture->error, sv_from(cases[i].path), &clean),
                         OK);
        assert_true(sv_equal(clean, sv_from(cases[i].clean)));
    }
}

static void paths_that_could_mean_another_place_are_refused(void **state)
{
    static const char *const paths[] = {
        "./C:/x",
        ".//./file:x",
        "%2e/C:/x",
        "./%2fetc",
        "./%252fetc",
        "..",
        "../x",
        "a\\b",
        "..\\x",
        "%5c",
        "%255C",
        "a%23b",
        "%2523",
        "a/../b",
        "a/..",
        "/etc",
        "//etc",
        "C:/x",
        "c:\\x",
        "a#b",
        "%2e%2e/x",
        "%2e%2e%2fx",
        "%252e%252e%252fx",
        "%2Fetc",
        "%00",
        "a%0ab",
        "a\nb",
        "a\x7f",
        "file:x",
        "FILE:///etc",
        "\xff",
        "%ff%2e%2e/%2e./x",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct sv clean;
        error_clear(&fixture->error);
        assert_int_equal(artifact_path_check(fixture->arena, &fixture->error, sv_from(paths[i]), &clean),
                         FAILED);
        assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
        assert_true(sv_equal(fixture->error.message, SV("Invalid path")));
    }
}

static size_t list(struct fixture *fixture, const char *path, struct local_file **files)
{
    size_t count = 99;
    assert_int_equal(
        local_list(fixture->arena, &fixture->error, &fixture->root, sv_from(path), files, &count), OK);
    return count;
}

static void a_folder_is_listed_in_byte_order_without_links_and_uploads(void **state)
{
    struct fixture *fixture = *state;
    struct local_file *files;
    put_file(fixture, "root/B", "1");
    put_file(fixture, "root/" LOCAL_TEMPORARY_PREFIX "x", "half");
    assert_int_equal(list(fixture, "", &files), 3);
    assert_true(sv_equal(files[0].name, SV("B")));
    assert_true(sv_equal(files[1].name, SV("b.txt")));
    assert_int_equal(files[1].size, 5);
    assert_false(files[1].is_dir);
    assert_true(sv_equal(files[2].name, SV("sub")));
    assert_true(files[2].is_dir);
    assert_int_equal(list(fixture, "sub", &files), 2);
    fixture->root.prefix = SV("sub");
    assert_int_equal(list(fixture, "", &files), 2);
    assert_int_equal(list(fixture, "deep", &files), 0);
}

static void what_is_no_folder_has_no_files(void **state)
{
    struct local_file *files;
    assert_int_equal(list(*state, "none", &files), 0);
    assert_int_equal(list(*state, "b.txt", &files), 0);
    assert_int_equal(list(*state, "b.txt/x", &files), 0);
    struct fixture *fixture = *state;
    fixture->root.directory = SV("/nonexistent/root");
    assert_int_equal(list(fixture, "", &files), 0);
}

static void links_are_not_followed(void **state)
{
    struct local_file *files;
    assert_int_equal(list(*state, "link", &files), 0);
    assert_int_equal(list(*state, "inner", &files), 0);
    assert_int_equal(list(*state, "inner/deep", &files), 0);
}

static void the_walk_by_steps_gives_what_the_kernel_gives(void **state)
{
    static const char *const paths[] = {"",           "sub",  "sub/deep", "link",     "inner",
                                        "inner/deep", "none", "b.txt/x",  "link/key", "sub/c"};
    struct fixture *fixture = *state;
    int root = open(fixture->root.directory.data, O_RDONLY | O_DIRECTORY);
    assert_true(root >= 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct sv path = sv_from(paths[i]);
        int whole = open_beneath(fixture->arena, root, path, O_RDONLY);
        int steps = open_beneath_by_steps(fixture->arena, root, path, O_RDONLY);
        assert_int_equal(whole >= 0, steps >= 0);
        if (whole >= 0) {
            struct stat a, b;
            assert_int_equal(fstat(whole, &a) + fstat(steps, &b), 0);
            assert_int_equal(a.st_ino, b.st_ino);
            close(whole);
            close(steps);
        }
    }
    assert_int_equal(open_beneath_by_steps(fixture->arena, root, SV("../secret/key"), O_RDONLY), -1);
    assert_int_equal(open_beneath(fixture->arena, root, SV("../secret/key"), O_RDONLY), -1);
    close(root);
}

static enum status write_file(struct fixture *fixture, const char *path, const char *content)
{
    error_clear(&fixture->error);
    return local_write(fixture->arena, &fixture->error, &fixture->root, sv_from(path), sv_from(content));
}

static void a_written_file_is_whole_and_leaves_nothing_beside_it(void **state)
{
    struct fixture *fixture = *state;
    struct local_file *files;
    fixture->root = (struct local_root){sv_from(below(fixture, "new/root")), SV("0/run")};
    assert_int_equal(write_file(fixture, "model/MLmodel", "first"), OK);
    assert_int_equal(write_file(fixture, "model/MLmodel", "a longer text"), OK);
    assert_int_equal(list(fixture, "model", &files), 1);
    assert_int_equal(files[0].size, 13);
    char content[32] = "";
    FILE *file = fopen(below(fixture, "new/root/0/run/model/MLmodel"), "r");
    assert_non_null(file);
    assert_int_equal(fread(content, 1, sizeof(content) - 1, file), 13);
    fclose(file);
    assert_string_equal(content, "a longer text");
}

static void writing_through_a_link_or_a_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write_file(fixture, "link/new", "x"), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    assert_int_equal(access(below(fixture, "secret/new"), F_OK), -1);
    assert_int_equal(write_file(fixture, "b.txt/new", "x"), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    assert_int_equal(write_file(fixture, "sub", "x"), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    assert_int_equal(write_file(fixture, LOCAL_TEMPORARY_PREFIX "x", "x"), FAILED);
    assert_int_equal(fixture->error.code, INVALID_PARAMETER_VALUE);
    struct local_file *files;
    assert_int_equal(list(fixture, "", &files), 2);
}

static void a_link_as_file_is_replaced_not_followed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(symlink(below(fixture, "secret/key"), below(fixture, "root/key")), 0);
    assert_int_equal(write_file(fixture, "key", "mine"), OK);
    struct stat status;
    assert_int_equal(stat(below(fixture, "secret/key"), &status), 0);
    assert_int_equal(status.st_size, 1);
}

static void uris_resolve_to_folders(void **state)
{
    static const struct {
        const char *uri, *directory, *prefix;
    } cases[] = {
        {"/a/b", "/a/b", ""},
        {"a/./b/", "/work/a/b", ""},
        {"/p%41c", "/p%41c", ""},
        {"file:///a%20b%2541", "/a b%41", ""},
        {"mlflow-artifacts:/0/r/artifacts", "/work/mlartifacts", "0/r/artifacts"},
        {"mlflow-artifacts://other/x", "/work/mlartifacts", "x"},
        {"http://h:1/api/2.0/mlflow-artifacts/artifacts/0/r", "/work/mlartifacts", "0/r"},
        {"mlflow-artifacts:/", "/work/mlartifacts", ""},
    };
    struct fixture *fixture = *state;
    struct artifact_settings settings = {true, SV("./mlartifacts"), SV("/work")};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct local_root root;
        assert_int_equal(
            artifact_resolve(&settings, fixture->arena, &fixture->error, sv_from(cases[i].uri), &root), OK);
        assert_true(sv_equal(root.directory, sv_from(cases[i].directory)));
        assert_true(sv_equal(root.prefix, sv_from(cases[i].prefix)));
    }
}

static void uris_that_are_not_of_this_machine_are_told_apart(void **state)
{
    static const struct {
        const char *uri;
        enum error_code code;
        bool serve;
        const char *destination;
    } cases[] = {
        {"s3://b/x", NOT_IMPLEMENTED, true, "./m"},
        {"gs://b/x", NOT_IMPLEMENTED, true, "./m"},
        {"/a;b", INVALID_PARAMETER_VALUE, true, "./m"},
        {"file:///a#b", INVALID_PARAMETER_VALUE, true, "./m"},
        {"weird://x", INVALID_PARAMETER_VALUE, true, "./m"},
        {"http://h/x", INVALID_PARAMETER_VALUE, true, "./m"},
        {"mlflow-artifacts:/x", INVALID_PARAMETER_VALUE, false, "./m"},
        {"mlflow-artifacts:/x/../y", INVALID_PARAMETER_VALUE, true, "./m"},
        {"mlflow-artifacts:/x/%2e%2e/y", INVALID_PARAMETER_VALUE, true, "./m"},
        {"mlflow-artifacts:/x", NOT_IMPLEMENTED, true, "s3://b"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct artifact_settings settings = {cases[i].serve, sv_from(cases[i].destination), SV("/work")};
        struct local_root root;
        error_clear(&fixture->error);
        assert_int_equal(
            artifact_resolve(&settings, fixture->arena, &fixture->error, sv_from(cases[i].uri), &root),
            FAILED);
        assert_int_equal(fixture->error.code, cases[i].code);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(clean_paths_lose_empty_and_dot_segments),
        TEST(paths_that_could_mean_another_place_are_refused),
        TEST(a_folder_is_listed_in_byte_order_without_links_and_uploads),
        TEST(what_is_no_folder_has_no_files),
        TEST(links_are_not_followed),
        TEST(the_walk_by_steps_gives_what_the_kernel_gives),
        TEST(a_written_file_is_whole_and_leaves_nothing_beside_it),
        TEST(writing_through_a_link_or_a_file_is_refused),
        TEST(a_link_as_file_is_replaced_not_followed),
        TEST(uris_resolve_to_folders),
        TEST(uris_that_are_not_of_this_machine_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
