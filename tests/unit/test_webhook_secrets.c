#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/security/fernet.h"
#include "common/security/key_file.h"

static struct arena *arena;
static char folder[] = "/tmp/tracklight-key-XXXXXX";

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* The key and the token of the specification's generate.json and verify.json. */
#define SPEC_KEY "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
#define SPEC_TOKEN \
    "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="

static struct fernet_key spec_key(void)
{
    struct fernet_key key;
    assert_true(fernet_key_parse(SV(SPEC_KEY), &key));
    return key;
}

static void the_token_of_the_specification_is_read(void **state)
{
    (void)state;
    struct fernet_key key = spec_key();
    assert_true(sv_equal(fernet_decrypt(arena, &key, SV(SPEC_TOKEN)), SV("hello")));
}

static void secrets_of_any_length_come_back(void **state)
{
    (void)state;
    struct fernet_key key = spec_key();
    char text[100];
    memset(text, 'x', sizeof text);
    for (size_t len = 0; len <= sizeof text; len++) {
        struct sv token = fernet_encrypt(arena, &key, (struct sv){text, len});
        assert_true(sv_starts_with(token, SV("gAAAA")));
        assert_true(sv_equal(fernet_decrypt(arena, &key, token), (struct sv){text, len}));
    }
}

static void the_same_secret_is_never_encrypted_the_same_way(void **state)
{
    (void)state;
    struct fernet_key key = spec_key();
    assert_false(
        sv_equal(fernet_encrypt(arena, &key, SV("secret")), fernet_encrypt(arena, &key, SV("secret"))));
}

static void a_token_that_was_changed_anywhere_is_refused(void **state)
{
    (void)state;
    struct fernet_key key = spec_key();
    struct sv token = SV(SPEC_TOKEN);
    /* All but the last characters before the padding, some bits of which say nothing. */
    for (size_t i = 0; i < token.len - 3; i++) {
        char *changed = arena_cstr(arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_null(fernet_decrypt(arena, &key, (struct sv){changed, token.len}).data);
    }
    for (size_t len = 0; len < token.len; len++)
        assert_null(fernet_decrypt(arena, &key, sv_first(token, len)).data);
}

static void another_key_does_not_open_it(void **state)
{
    (void)state;
    char text[FERNET_KEY_TEXT_LENGTH];
    struct fernet_key key;
    fernet_key_new(text);
    assert_true(fernet_key_parse((struct sv){text, sizeof text}, &key));
    assert_null(fernet_decrypt(arena, &key, SV(SPEC_TOKEN)).data);
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const struct sv rows[] = {
        {"", 0},
        {"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4", 43},
        {"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e==", 44},
        {"cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=", 44},
        {"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4 ", 44},
        {"cw_0x689RpI-jtRR7oE8h eQsKImvJapLeSbXpwF4e4=", 44},
        {"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=A", 45},
    };
    struct fernet_key key;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(fernet_key_parse(rows[i], &key));
}

static struct sv key_path(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void a_key_file_is_made_once_for_its_owner_only(void **state)
{
    (void)state;
    struct error error = {0};
    struct fernet_key first, second;
    struct stat info;
    struct sv path = key_path("made");
    assert_int_equal(key_file_load(SV_ABSENT, path, arena, &error, &first), OK);
    assert_int_equal(stat(path.data, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(key_file_load(SV_ABSENT, path, arena, &error, &second), OK);
    assert_memory_equal(first.bytes, second.bytes, sizeof first.bytes);
    assert_int_equal(unlink(path.data), 0);
}

static void a_key_that_is_given_needs_no_file(void **state)
{
    (void)state;
    struct error error = {0};
    struct fernet_key key, expected = spec_key();
    struct sv path = key_path("none");
    assert_int_equal(key_file_load(SV(SPEC_KEY), path, arena, &error, &key), OK);
    assert_memory_equal(key.bytes, expected.bytes, sizeof key.bytes);
    assert_int_not_equal(access(path.data, F_OK), 0);
    assert_int_equal(key_file_load(SV("too short"), path, arena, &error, &key), FAILED);
    assert_int_equal(error.code, INTERNAL_ERROR);
}

static void write_file(struct sv path, const char *text, mode_t mode)
{
    FILE *file = fopen(path.data, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path.data, mode), 0);
}

static void a_key_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct fernet_key key;
    struct sv path = key_path("open");
    write_file(path, SPEC_KEY "\n", 0640);
    assert_int_equal(key_file_load(SV_ABSENT, path, arena, &error, &key), FAILED);
    assert_non_null(strstr(error.detail.data, "0600"));
    assert_int_equal(chmod(path.data, 0600), 0);
    error = (struct error){0};
    assert_int_equal(key_file_load(SV_ABSENT, path, arena, &error, &key), OK);
    assert_int_equal(unlink(path.data), 0);
}

static void a_key_file_without_a_key_is_refused_and_kept(void **state)
{
    (void)state;
    struct error error = {0};
    struct fernet_key key;
    struct sv path = key_path("damaged");
    write_file(path, "not a key\n", 0600);
    assert_int_equal(key_file_load(SV_ABSENT, path, arena, &error, &key), FAILED);
    assert_int_equal(access(path.data, F_OK), 0);
    assert_int_equal(unlink(path.data), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_token_of_the_specification_is_read),
        TEST(secrets_of_any_length_come_back),
        TEST(the_same_secret_is_never_encrypted_the_same_way),
        TEST(a_token_that_was_changed_anywhere_is_refused),
        TEST(another_key_does_not_open_it),
        TEST(what_is_no_key_is_refused),
        TEST(a_key_file_is_made_once_for_its_owner_only),
        TEST(a_key_that_is_given_needs_no_file),
        TEST(a_key_file_that_others_may_read_is_refused),
        TEST(a_key_file_without_a_key_is_refused_and_kept),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
