#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/security/envelope.h"

#include <cmocka.h>
#include <pthread.h>

/* A row of an MLflow 3.8.2 database, as its server wrote it. */
#define ROW_PASSPHRASE "sample-passphrase-for-testing-only-0123456789"
#define ROW_ID         "s-ba5925edfa4e45058bddff4b69c2b189"
#define ROW_NAME       "key1"
#define ROW_PLAIN      "{\"api_key\": \"sk-test-1-abcdef\"}"
#define ROW_MASKED     "sk-...cdef"
static const unsigned char row_value[] = {
    0xcb, 0xa7, 0xd7, 0x71, 0x30, 0xd8, 0xc3, 0x45, 0x56, 0x25, 0xca, 0x71, 0x21, 0xaf, 0x31,
    0x84, 0xb0, 0x0b, 0xc1, 0x59, 0x64, 0xaa, 0xeb, 0xd1, 0xf8, 0x6a, 0x4a, 0xaf, 0xa7, 0x67,
    0xd2, 0xad, 0x9b, 0x67, 0x90, 0x4f, 0x6c, 0xe9, 0xa2, 0x90, 0x62, 0xde, 0x67, 0x68, 0x63,
    0xd1, 0x11, 0x7e, 0x01, 0x00, 0x45, 0x55, 0xc6, 0x5b, 0x1c, 0x85, 0xa2, 0x32, 0xea};
static const unsigned char row_dek[] = {
    0x4d, 0x64, 0x36, 0x44, 0xab, 0x54, 0x15, 0x29, 0x2e, 0x72, 0xbc, 0x03, 0x8f, 0xe5, 0xa1,
    0x93, 0x8e, 0x07, 0x80, 0x96, 0x72, 0x08, 0x25, 0x55, 0x79, 0xe8, 0xba, 0x2f, 0x2b, 0xe7,
    0x3a, 0xb7, 0x1c, 0xba, 0xa4, 0x13, 0x9d, 0xcc, 0xbc, 0xb0, 0x15, 0x0d, 0x3d, 0xc6, 0xd1,
    0x32, 0x57, 0x3a, 0xd1, 0xc8, 0x05, 0x4a, 0x01, 0xc4, 0xae, 0x88, 0xb0, 0x7f, 0x19, 0x9b};

static struct arena *arena;
static struct error error;
static struct envelope *right, *wrong, *standard;

static const struct envelope_sealed row = {
    .encrypted_value = {(const char *)row_value, sizeof(row_value)},
    .wrapped_dek = {(const char *)row_dek, sizeof(row_dek)},
    .kek_version = 1,
};

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    right = envelope_new(SV(ROW_PASSPHRASE), arena, &error);
    wrong = envelope_new(SV("another passphrase"), arena, &error);
    standard = envelope_new(SV_ABSENT, arena, &error);
    return right && wrong && standard ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    envelope_free(right);
    envelope_free(wrong);
    envelope_free(standard);
    arena_free(arena);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    error_clear(&error);
    return 0;
}

static void assert_refused(struct envelope *envelope, const struct envelope_sealed *sealed, struct sv id,
                           struct sv name, const char *text)
{
    struct sv plain;
    error_clear(&error);
    assert_int_equal(envelope_open(envelope, arena, &error, sealed, id, name, &plain), FAILED);
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    assert_true(sv_starts_with(error.message, sv_from(text)));
}

#define WRONG "Failed to decrypt secret. Check KEK passphrase, secret metadata, or database integrity."

static void a_row_of_mlflow_is_decrypted(void **state)
{
    (void)state;
    struct sv plain;
    assert_int_equal(envelope_open(right, arena, &error, &row, SV(ROW_ID), SV(ROW_NAME), &plain), OK);
    assert_true(sv_equal(plain, SV(ROW_PLAIN)));
}

static void another_passphrase_id_name_or_version_is_refused(void **state)
{
    (void)state;
    struct envelope_sealed later = row;
    later.kek_version = 2;
    assert_refused(wrong, &row, SV(ROW_ID), SV(ROW_NAME), WRONG);
    assert_refused(right, &row, SV("s-0"), SV(ROW_NAME), WRONG);
    assert_refused(right, &row, SV(ROW_ID), SV("key2"), WRONG);
    assert_refused(right, &later, SV(ROW_ID), SV(ROW_NAME), WRONG);
}

static void the_default_passphrase_that_is_wrong_is_named(void **state)
{
    (void)state;
    assert_refused(standard, &row, SV(ROW_ID), SV(ROW_NAME),
                   "Failed to decrypt secret. The server has the default KEK");
    assert_non_null(memmem(error.message.data, error.message.len, "MLFLOW_CRYPTO_KEK_PASSPHRASE", 28));
    assert_true(envelope_uses_default(standard));
    assert_false(envelope_uses_default(right));
}

static void each_changed_byte_is_noticed(void **state)
{
    (void)state;
    unsigned char bytes[sizeof(row_value)];
    struct envelope_sealed changed = row;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        memcpy(bytes, row_value, sizeof(bytes));
        bytes[i] ^= 1;
        changed.encrypted_value = (struct sv){(const char *)bytes, sizeof(bytes)};
        assert_refused(right, &changed, SV(ROW_ID), SV(ROW_NAME), WRONG);
    }
    changed = row;
    for (size_t i = 0; i < sizeof(row_dek); i++) {
        char dek[sizeof(row_dek)];
        memcpy(dek, row_dek, sizeof(dek));
        dek[i] ^= 1;
        changed.wrapped_dek = (struct sv){dek, sizeof(dek)};
        assert_refused(right, &changed, SV(ROW_ID), SV(ROW_NAME), WRONG);
    }
}

static void a_cut_row_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(row_value); len++) {
        struct envelope_sealed cut = row;
        cut.encrypted_value.len = len;
        assert_refused(right, &cut, SV(ROW_ID), SV(ROW_NAME), WRONG);
        cut = row;
        cut.wrapped_dek.len = len;
        assert_refused(right, &cut, SV(ROW_ID), SV(ROW_NAME), WRONG);
    }
}

static void what_is_sealed_comes_back(void **state)
{
    (void)state;
    struct envelope_sealed first, second;
    struct sv plain, text = SV("{\"api_key\": \"k\"}");
    envelope_seal(right, arena, 1, SV("s-1"), SV("na\xc3\xafve|name"), text, &first);
    envelope_seal(right, arena, 1, SV("s-1"), SV("na\xc3\xafve|name"), text, &second);
    assert_int_equal(first.encrypted_value.len, text.len + ENVELOPE_OVERHEAD_BYTES);
    assert_int_equal(first.wrapped_dek.len, ENVELOPE_WRAPPED_BYTES);
    assert_false(sv_equal(first.encrypted_value, second.encrypted_value));
    assert_false(sv_equal(first.wrapped_dek, second.wrapped_dek));
    assert_int_equal(envelope_open(right, arena, &error, &first, SV("s-1"), SV("na\xc3\xafve|name"), &plain),
                     OK);
    assert_true(sv_equal(plain, text));
    envelope_seal(right, arena, 1, SV("s-1"), SV("n"), SV(""), &first);
    assert_int_equal(envelope_open(right, arena, &error, &first, SV("s-1"), SV("n"), &plain), OK);
    assert_int_equal(plain.len, 0);
}

static void a_rewrapped_row_fits_the_new_passphrase_only(void **state)
{
    (void)state;
    struct envelope_sealed rotated = row;
    struct sv plain;
    assert_true(envelope_rewrap(right, row.wrapped_dek, 1, wrong, 2, arena, &rotated.wrapped_dek));
    rotated.kek_version = 2;
    assert_int_equal(envelope_open(wrong, arena, &error, &rotated, SV(ROW_ID), SV(ROW_NAME), &plain), OK);
    assert_true(sv_equal(plain, SV(ROW_PLAIN)));
    assert_true(envelope_fits(wrong, rotated.wrapped_dek, 2));
    assert_false(envelope_fits(right, rotated.wrapped_dek, 2));
    assert_false(envelope_rewrap(wrong, row.wrapped_dek, 1, right, 2, arena, &rotated.wrapped_dek));
}

static void *open_row(void *unused)
{
    (void)unused;
    struct arena *own = arena_new(1024 * 1024);
    struct error problem = {.code = ERROR_NONE};
    struct sv plain = SV_ABSENT;
    enum status status = envelope_open(right, own, &problem, &row, SV(ROW_ID), SV(ROW_NAME), &plain);
    bool good = status == OK && sv_equal(plain, SV(ROW_PLAIN));
    arena_free(own);
    return good ? right : NULL;
}

static void threads_share_the_keys(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_row, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, right);
    }
}

static void a_passphrase_has_a_limit(void **state)
{
    (void)state;
    char text[ENVELOPE_PASSPHRASE_MAX + 1];
    memset(text, 'x', sizeof(text));
    assert_null(envelope_new((struct sv){text, sizeof(text)}, arena, &error));
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    struct envelope *longest = envelope_new((struct sv){text, sizeof(text) - 1}, arena, &error);
    assert_non_null(longest);
    envelope_free(longest);
}

static void little_of_a_secret_is_shown(void **state)
{
    (void)state;
    assert_true(sv_equal(envelope_mask(arena, SV("sk-test-1-abcdef")), SV(ROW_MASKED)));
    assert_true(sv_equal(envelope_mask(arena, SV("12345678")), SV("123...5678")));
    assert_true(sv_equal(envelope_mask(arena, SV("1234567")), SV("***")));
    assert_true(sv_equal(envelope_mask(arena, SV("")), SV("***")));
    assert_true(sv_equal(envelope_mask(arena, SV("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4")), SV("***")));
    assert_true(sv_equal(envelope_mask(arena, SV("\xc3\xa4\xc3\xb6\xc3\xbc-5678\xc3\xa4")),
                         SV("\xc3\xa4\xc3\xb6\xc3\xbc...678\xc3\xa4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_of_mlflow_is_decrypted, clear),
        cmocka_unit_test_setup(another_passphrase_id_name_or_version_is_refused, clear),
        cmocka_unit_test_setup(the_default_passphrase_that_is_wrong_is_named, clear),
        cmocka_unit_test_setup(each_changed_byte_is_noticed, clear),
        cmocka_unit_test_setup(a_cut_row_is_refused, clear),
        cmocka_unit_test_setup(what_is_sealed_comes_back, clear),
        cmocka_unit_test_setup(a_rewrapped_row_fits_the_new_passphrase_only, clear),
        cmocka_unit_test_setup(threads_share_the_keys, clear),
        cmocka_unit_test_setup(a_passphrase_has_a_limit, clear),
        cmocka_unit_test_setup(little_of_a_secret_is_shown, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
