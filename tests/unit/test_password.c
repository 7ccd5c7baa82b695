#include "common/security/hmac.h"
#include "common/security/password.h"
#include "common/security/signed_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Made with Python's hashlib, for the password that stands above each. */
#define ENGLISH "correct horse battery"
#define ENGLISH_SCRYPT                                                 \
    "scrypt:32768:8:1$abcdefgh12345678$"                               \
    "735deb67d8f705dbacb8ff0758863514179a28ba4417230b22f09883a0ab5402" \
    "f07faec0542c455f331e554cc69715e3b8c0300d817817fd5d0176ee0b8a4335"
#define ENGLISH_PBKDF2 \
    "pbkdf2:sha256:1000$abcdefgh12345678$987ea34d356db482c63ec25c4b519b54e676c07dda309f49d59f98a0663b0fbf"
#define GERMAN "p\u00e4ssw\u00f6rter \u2713 lang"
#define GERMAN_SCRYPT                                                  \
    "scrypt:32768:8:1$ZYXWVUTSRQPONMLK$"                               \
    "37b1687918c245bb2aa1b8391cab5fa0c70cd4094c20cb06220efc519e017c70" \
    "8b716a36d139fd539001eaedfc3903be157819aa25677296bd8c9cea61ca626e"
/* RFC 7914 section 12, the second vector. */
#define RFC_SCRYPT                                                             \
    "scrypt:1024:8:16$NaCl$"                                                   \
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d9" \
    "2e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"

static bool verify(const char *hash, const char *password)
{
    return password_verify(sv_from(hash), sv_from(password));
}

static void hashes_that_others_made_are_verified(void **state)
{
    (void)state;
    assert_true(verify(ENGLISH_SCRYPT, ENGLISH));
    assert_true(verify(ENGLISH_PBKDF2, ENGLISH));
    assert_true(verify(GERMAN_SCRYPT, GERMAN));
    assert_true(verify(RFC_SCRYPT, "password"));
}

static void other_passwords_do_not_fit(void **state)
{
    (void)state;
    assert_false(verify(ENGLISH_SCRYPT, "correct horse batterz"));
    assert_false(verify(ENGLISH_SCRYPT, ""));
    assert_false(verify(ENGLISH_PBKDF2, "Correct horse battery"));
    assert_false(verify(GERMAN_SCRYPT, ENGLISH));
}

static void a_new_hash_has_a_new_salt_and_is_verified(void **state)
{
    (void)state;
    struct sv first = password_hash(arena, SV(ENGLISH)), second = password_hash(arena, SV(ENGLISH));
    assert_int_equal(first.len, strlen(ENGLISH_SCRYPT));
    assert_true(sv_starts_with(first, SV("scrypt:32768:8:1$")));
    assert_false(sv_equal(first, second));
    assert_true(password_verify(first, SV(ENGLISH)));
    assert_false(password_verify(first, SV(GERMAN)));
}

static void a_password_that_is_too_long_has_no_hash(void **state)
{
    (void)state;
    char text[PASSWORD_MAX_BYTES + 1];
    memset(text, 'x', sizeof(text));
    assert_null(password_hash(arena, (struct sv){text, sizeof(text)}).data);
    assert_false(password_verify(SV(ENGLISH_SCRYPT), (struct sv){text, sizeof(text)}));
}

static void what_is_no_hash_fits_no_password(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        "",
        ENGLISH,
        "$",
        "$$",
        "scrypt$salt$00",
        "scrypt:32768:8:1$$735deb67",
        "scrypt:32768:8:1$abcdefgh12345678$735deb67",
        "pbkdf2:sha256:0$salt$987ea34d356db482c63ec25c4b519b54e676c07dda309f49d59f98a0663b0fbf",
        "pbkdf2:md5:1000$abcdefgh12345678$987ea34d356db482c63ec25c4b519b54e676c07dda309f49d59f98a0663b0fbf",
        "pbkdf2:sha256:1000$salt$zz7ea34d356db482c63ec25c4b519b54e676c07dda309f49d59f98a0663b0fbf",
        "plain$salt$correct horse battery",
    };
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
        assert_false(verify(hashes[i], ENGLISH));
    struct sv tail = sv_from_offset(SV(ENGLISH_SCRYPT), strlen("scrypt:32768:8:1"));
    assert_false(password_verify(arena_printf(arena, "scrypt:32768:8%.*s", SV_ARG(tail)), SV(ENGLISH)));
}

static void a_hash_cannot_ask_for_more_memory_or_time_than_there_is(void **state)
{
    (void)state;
    struct sv tail = sv_from_offset(SV(ENGLISH_SCRYPT), strlen("scrypt:32768:8:1"));
    static const char *const methods[] = {"scrypt:1048576:8:1", "scrypt:32768:1024:1", "scrypt:32768:8:1000",
                                          "scrypt:99999999999:8:1", "scrypt:-2:8:1"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_false(password_verify(arena_printf(arena, "%s%.*s", methods[i], SV_ARG(tail)), SV(ENGLISH)));
    assert_false(
        verify("pbkdf2:sha256:999999999$s$987ea34d356db482c63ec25c4b519b54e676c07dda309f49d59f98a0663b0f"
               "bf",
               ENGLISH));
}

/* --- Signed texts --- */

static struct signing_key key_of(const char *secret, const char *purpose)
{
    struct signing_key key;
    signing_key_derive(sv_from(secret), purpose, &key);
    return key;
}

static void a_signature_is_what_hmac_gives(void **state)
{
    (void)state;
    struct signing_key key = key_of("secret", "session");
    struct sv signature = text_signature(arena, &key, SV("1-2-3"));
    assert_string_equal(signature.data, "3KJgfAXiY2nbxoD4nkSnKz7Rh4UJBGvQuDUgU4-9ePo");
}

/* RFC 4231, test cases 2 and 6. */
static void hmac_is_that_of_the_standard_for_short_and_long_keys(void **state)
{
    (void)state;
    static const unsigned char second[] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                           0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                           0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    static const unsigned char sixth[] = {0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26,
                                          0xaa, 0xcb, 0xf5, 0xb7, 0x7f, 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28,
                                          0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54};
    unsigned char mac[HMAC_BYTES];
    char key[131];
    hmac_sha256(SV("Jefe"), SV("what do ya want "), SV("for nothing?"), mac);
    assert_memory_equal(mac, second, sizeof(mac));
    memset(key, 0xaa, sizeof(key));
    hmac_sha256((struct sv){key, sizeof(key)}, SV("Test Using Larger Than Block-Size Key - Hash Key First"),
                SV_ABSENT, mac);
    assert_memory_equal(mac, sixth, sizeof(mac));
}

static void a_signed_text_comes_back(void **state)
{
    (void)state;
    struct signing_key key = key_of("secret", "session");
    struct sv text = text_verify(&key, text_sign(arena, &key, SV("with.dots.in.it")));
    assert_true(sv_equal(text, SV("with.dots.in.it")));
    assert_int_equal(text_verify(&key, text_sign(arena, &key, SV(""))).len, 0);
}

static void a_text_that_was_changed_is_refused_wherever_it_was(void **state)
{
    (void)state;
    struct signing_key key = key_of("secret", "session");
    struct sv signed_text = text_sign(arena, &key, SV("1-2-3"));
    for (size_t i = 0; i < signed_text.len; i++) {
        char *copy = arena_cstr(arena, signed_text);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_null(text_verify(&key, (struct sv){copy, signed_text.len}).data);
        assert_null(text_verify(&key, sv_first(signed_text, i)).data);
    }
    assert_null(text_verify(&key, SV_ABSENT).data);
}

static void keys_of_other_purposes_and_secrets_do_not_verify(void **state)
{
    (void)state;
    struct signing_key key = key_of("secret", "session"), csrf = key_of("secret", "csrf"),
                       other = key_of("Secret", "session");
    struct sv signed_text = text_sign(arena, &key, SV("1-2-3"));
    assert_null(text_verify(&csrf, signed_text).data);
    assert_null(text_verify(&other, signed_text).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_that_others_made_are_verified),
        cmocka_unit_test(other_passwords_do_not_fit),
        cmocka_unit_test(a_new_hash_has_a_new_salt_and_is_verified),
        cmocka_unit_test(a_password_that_is_too_long_has_no_hash),
        cmocka_unit_test(what_is_no_hash_fits_no_password),
        cmocka_unit_test(a_hash_cannot_ask_for_more_memory_or_time_than_there_is),
        cmocka_unit_test(a_signature_is_what_hmac_gives),
        cmocka_unit_test(hmac_is_that_of_the_standard_for_short_and_long_keys),
        cmocka_unit_test(a_signed_text_comes_back),
        cmocka_unit_test(a_text_that_was_changed_is_refused_wherever_it_was),
        cmocka_unit_test(keys_of_other_purposes_and_secrets_do_not_verify),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
