#include "tests/unit/store_fixture.h"

#include "common/store/login_failures.h"
#include "common/store/permissions.h"
#include "common/store/tokens.h"
#include "common/store/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int64_t make_user(struct store_fixture *f, const char *name, bool is_admin)
{
    int64_t id = 0;
    assert_int_equal(user_create(f->tx, sv_from(name), SV("hash"), is_admin, &id), OK);
    return id;
}

static struct permission_target on(enum permission_resource resource, const char *id)
{
    return (struct permission_target){.resource = resource, .id = sv_from(id)};
}

static struct permission_target on_experiment(const char *id)
{
    return on(PERMISSION_ON_EXPERIMENT, id);
}

static enum permission level(struct store_fixture *f, int64_t user, struct permission_target target)
{
    enum permission permission;
    assert_int_equal(permission_of(f->tx, user, &target, PERMISSION_READ, &permission), OK);
    return permission;
}

static void grant(struct store_fixture *f, const char *user, struct permission_target target,
                  enum permission permission)
{
    int64_t id;
    assert_int_equal(permission_create(f->tx, sv_from(user), &target, permission, &id), OK);
}

/* --- Users --- */

static void ids_are_not_given_twice(void **state)
{
    struct store_fixture *f = *state;
    make_user(f, "boss", true);
    int64_t first = make_user(f, "alice", false);
    assert_int_equal(user_delete(f->tx, SV("alice")), OK);
    assert_true(make_user(f, "alice", false) > first);
}

static void a_name_is_taken_once(void **state)
{
    struct store_fixture *f = *state;
    int64_t id;
    make_user(f, "alice", false);
    assert_failed(f, user_create(f->tx, SV("alice"), SV("secret hash"), false, &id), RESOURCE_ALREADY_EXISTS,
                  "User (username=alice) already exists.");
    assert_int_equal(store_number(f, "SELECT count(*) FROM users"), 1);
}

static void the_last_administrator_stays_one(void **state)
{
    struct store_fixture *f = *state;
    const char *text = "'boss' is the last administrator. Make another user an administrator first.";
    make_user(f, "boss", true);
    make_user(f, "alice", false);
    assert_failed(f, user_delete(f->tx, SV("boss")), INVALID_PARAMETER_VALUE, text);
    assert_failed(f, user_set_admin(f->tx, SV("boss"), false), INVALID_PARAMETER_VALUE, text);
    assert_int_equal(user_set_admin(f->tx, SV("alice"), true), OK);
    assert_int_equal(user_set_admin(f->tx, SV("boss"), false), OK);
    assert_int_equal(user_delete(f->tx, SV("boss")), OK);
}

static void a_new_password_begins_a_new_generation(void **state)
{
    struct store_fixture *f = *state;
    struct user before, after;
    make_user(f, "alice", false);
    assert_int_equal(user_load(f->tx, SV("alice"), &before), OK);
    assert_int_equal(user_set_password(f->tx, SV("alice"), SV("other")), OK);
    assert_int_equal(user_load(f->tx, SV("alice"), &after), OK);
    assert_true(after.generation > before.generation);
    assert_text(after.password_hash, "other");
    assert_failed(f, user_set_password(f->tx, SV("bob"), SV("x")), RESOURCE_DOES_NOT_EXIST,
                  "User with username=bob not found");
}

static void a_user_takes_what_is_his_along(void **state)
{
    struct store_fixture *f = *state;
    struct sv secret;
    int64_t id;
    make_user(f, "alice", false);
    grant(f, "alice", on_experiment("1"), PERMISSION_EDIT);
    assert_int_equal(token_create(f->tx, SV("alice"), SV("ci"), TOKEN_ALL, SV_ABSENT, 0, &secret, &id), OK);
    assert_int_equal(user_delete(f->tx, SV("alice")), OK);
    assert_int_equal(store_number(f, "SELECT count(*) FROM permissions"), 0);
    assert_int_equal(store_number(f, "SELECT count(*) FROM tokens"), 0);
}

static void check_password(struct store_fixture *f, const char *password, const char *expected)
{
    assert_failed(f, password_check(f->tx->arena, f->tx->error, SV("alexandria-the-1st"), sv_from(password)),
                  INVALID_PARAMETER_VALUE, expected);
}

static void passwords_that_are_short_or_the_first_to_be_tried_are_refused(void **state)
{
    struct store_fixture *f = *state;
    const char *is_short = "Password must be a string longer than 12 characters.";
    const char *is_weak = "Password is one of the first that are tried. Choose another one.";
    check_password(f, "", is_short);
    check_password(f, "elevenchars", is_short);
    check_password(f, "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", is_short);
    check_password(f, "password1234", is_weak);
    check_password(f, "Password1234", is_weak);
    check_password(f, "aaaaaaaaaaaaaaaa", is_weak);
    check_password(f, "Alexandria-the-1st", is_weak);
    assert_int_equal(password_check(f->tx->arena, f->tx->error, SV("alice"), SV("twelve chars")), OK);
}

static void names_that_nobody_could_log_in_with_are_refused(void **state)
{
    struct store_fixture *f = *state;
    const char *unusable =
        "Username must not contain a colon or control characters: nobody could log in with it.";
    assert_failed(f, username_check(f->tx->arena, f->tx->error, SV("")), INVALID_PARAMETER_VALUE,
                  "Username cannot be empty.");
    assert_failed(f, username_check(f->tx->arena, f->tx->error, SV("a:b")), INVALID_PARAMETER_VALUE,
                  unusable);
    assert_failed(f, username_check(f->tx->arena, f->tx->error, SV("a\nb")), INVALID_PARAMETER_VALUE,
                  unusable);
    assert_int_equal(username_check(f->tx->arena, f->tx->error, SV("al ice@example.com")), OK);
}

/* --- Permissions --- */

static void without_a_row_the_default_counts(void **state)
{
    struct store_fixture *f = *state;
    int64_t alice = make_user(f, "alice", false), bob = make_user(f, "bob", false);
    assert_int_equal(level(f, alice, on_experiment("1")), PERMISSION_READ);
    grant(f, "alice", on_experiment("1"), PERMISSION_NONE);
    assert_int_equal(level(f, alice, on_experiment("1")), PERMISSION_NONE);
    assert_int_equal(level(f, bob, on_experiment("1")), PERMISSION_READ);
    assert_int_equal(level(f, alice, on_experiment("2")), PERMISSION_READ);
    assert_int_equal(level(f, alice, on(PERMISSION_ON_SECRET, "1")), PERMISSION_READ);
}

static void an_experiment_is_the_same_however_its_number_is_written(void **state)
{
    struct store_fixture *f = *state;
    int64_t alice = make_user(f, "alice", false);
    grant(f, "alice", on_experiment("1"), PERMISSION_NONE);
    assert_int_equal(level(f, alice, on_experiment("01")), PERMISSION_NONE);
    assert_int_equal(level(f, alice, on_experiment("+1")), PERMISSION_NONE);
}

static void rows_are_made_read_changed_and_deleted(void **state)
{
    struct store_fixture *f = *state;
    struct permission_target target = on(PERMISSION_ON_REGISTERED_MODEL, "m");
    enum permission permission;
    int64_t id, alice = make_user(f, "alice", false);
    grant(f, "alice", target, PERMISSION_EDIT);
    assert_failed(f, permission_create(f->tx, SV("alice"), &target, PERMISSION_READ, &id),
                  RESOURCE_ALREADY_EXISTS,
                  "Registered model permission (name=m, username=alice) already exists.");
    assert_int_equal(permission_update(f->tx, SV("alice"), &target, PERMISSION_MANAGE), OK);
    assert_int_equal(permission_get(f->tx, SV("alice"), &target, &permission, &id), OK);
    assert_int_equal(permission, PERMISSION_MANAGE);
    assert_int_equal(id, alice);
    assert_int_equal(permission_delete(f->tx, SV("alice"), &target), OK);
    assert_failed(f, permission_get(f->tx, SV("alice"), &target, &permission, &id), RESOURCE_DOES_NOT_EXIST,
                  "Registered model permission with name=m and username=alice not found");
    assert_failed(f, permission_update(f->tx, SV("bob"), &target, PERMISSION_READ), RESOURCE_DOES_NOT_EXIST,
                  "User with username=bob not found");
    struct permission_target scorer = {.resource = PERMISSION_ON_SCORER, .id = SV("1"), .name = SV("s")};
    assert_failed(f, permission_delete(f->tx, SV("alice"), &scorer), RESOURCE_DOES_NOT_EXIST,
                  "Scorer permission with experiment_id=1, scorer_name=s, and username=alice not found");
}

static void who_makes_a_thing_may_manage_it_unless_it_was_said_otherwise(void **state)
{
    struct store_fixture *f = *state;
    struct permission_target first = on_experiment("1"), second = on_experiment("2");
    int64_t alice = make_user(f, "alice", false);
    grant(f, "alice", second, PERMISSION_READ);
    assert_int_equal(permission_grant_creator(f->tx, alice, &first), OK);
    assert_int_equal(permission_grant_creator(f->tx, alice, &first), OK);
    assert_int_equal(permission_grant_creator(f->tx, alice, &second), OK);
    assert_int_equal(permission_grant_creator(f->tx, 4711, &first), OK);
    assert_int_equal(level(f, alice, first), PERMISSION_MANAGE);
    assert_int_equal(level(f, alice, second), PERMISSION_READ);
}

static void what_is_gone_leaves_no_rows(void **state)
{
    struct store_fixture *f = *state;
    struct permission_target one = {.resource = PERMISSION_ON_SCORER, .id = SV("1"), .name = SV("a")},
                             two = {.resource = PERMISSION_ON_SCORER, .id = SV("1"), .name = SV("b")},
                             all = {.resource = PERMISSION_ON_SCORER, .id = SV("1")};
    make_user(f, "alice", false);
    make_user(f, "bob", false);
    grant(f, "alice", one, PERMISSION_EDIT);
    grant(f, "bob", one, PERMISSION_EDIT);
    grant(f, "bob", two, PERMISSION_EDIT);
    assert_int_equal(permissions_drop(f->tx, &one), OK);
    assert_int_equal(store_number(f, "SELECT count(*) FROM permissions"), 1);
    assert_int_equal(permissions_drop(f->tx, &all), OK);
    assert_int_equal(store_number(f, "SELECT count(*) FROM permissions"), 0);
}

static void rows_follow_a_model_to_its_new_name(void **state)
{
    struct store_fixture *f = *state;
    struct permission_target old = on(PERMISSION_ON_REGISTERED_MODEL, "old"),
                             new = on(PERMISSION_ON_REGISTERED_MODEL, "new");
    int64_t alice = make_user(f, "alice", false), bob = make_user(f, "bob", false);
    grant(f, "alice", old, PERMISSION_MANAGE);
    grant(f, "alice", new, PERMISSION_NONE);
    grant(f, "bob", new, PERMISSION_MANAGE);
    assert_int_equal(permissions_rename(f->tx, &old, SV("new")), OK);
    assert_int_equal(level(f, alice, new), PERMISSION_MANAGE);
    assert_int_equal(level(f, bob, new), PERMISSION_READ);
    assert_int_equal(level(f, alice, old), PERMISSION_READ);
}

static void assert_filter(struct store_fixture *f, int64_t user, enum permission needed,
                          enum permission fallback, bool others, const char *exceptions)
{
    struct permission_filter filter;
    assert_int_equal(permission_filter_of(f->tx, user, PERMISSION_ON_EXPERIMENT, needed, fallback, &filter),
                     OK);
    assert_int_equal(filter.others, others);
    assert_text(filter.exceptions, exceptions);
}

static void a_filter_lists_what_differs_from_the_default(void **state)
{
    struct store_fixture *f = *state;
    int64_t alice = make_user(f, "alice", false);
    grant(f, "alice", on_experiment("1"), PERMISSION_NONE);
    grant(f, "alice", on_experiment("2"), PERMISSION_READ);
    grant(f, "alice", on_experiment("3"), PERMISSION_EDIT);
    grant(f, "alice", on(PERMISSION_ON_REGISTERED_MODEL, "m"), PERMISSION_NONE);
    assert_filter(f, alice, PERMISSION_READ, PERMISSION_READ, true, "[1]");
    assert_filter(f, alice, PERMISSION_READ, PERMISSION_NONE, false, "[2,3]");
    assert_filter(f, alice, PERMISSION_EDIT, PERMISSION_READ, false, "[3]");
    assert_filter(f, alice, PERMISSION_EDIT, PERMISSION_MANAGE, true, "[1,2]");
}

/* --- Tokens --- */

static bool is_valid(struct store_fixture *f, struct sv secret, struct token *token)
{
    bool found = false;
    assert_int_equal(token_find(f->tx, secret, token, &found), OK);
    return found;
}

static void a_token_is_found_by_its_secret_of_which_only_a_digest_is_kept(void **state)
{
    struct store_fixture *f = *state;
    struct token token;
    struct sv secret;
    int64_t id, alice = make_user(f, "alice", false);
    assert_int_equal(
        token_create(f->tx, SV("alice"), SV("ci"), TOKEN_READ, SV("tracking,jobs"), 0, &secret, &id), OK);
    assert_int_equal(secret.len, TOKEN_LENGTH);
    assert_true(sv_starts_with(secret, SV(TOKEN_PREFIX)));
    assert_true(is_valid(f, secret, &token));
    assert_int_equal(token.user_id, alice);
    assert_int_equal(token.scope, TOKEN_READ);
    assert_true(token_is_for(&token, "tracking"));
    assert_true(token_is_for(&token, "jobs"));
    assert_false(token_is_for(&token, "artifacts"));
    assert_int_equal(
        store_number(f, "SELECT count(*) FROM tokens WHERE hash LIKE 'tlk%' OR length(hash) <> 64"), 0);
    char *other = arena_cstr(f->tx->arena, secret);
    other[20] = other[20] == 'a' ? 'b' : 'a';
    assert_false(is_valid(f, (struct sv){other, secret.len}, &token));
    assert_false(is_valid(f, SV(""), &token));
}

static void tokens_end_when_they_are_revoked_or_expire(void **state)
{
    struct store_fixture *f = *state;
    struct token token;
    struct sv first, second;
    int64_t id;
    make_user(f, "alice", false);
    assert_int_equal(
        token_create(f->tx, SV("alice"), SV(""), TOKEN_ALL, SV_ABSENT, f->tx->now_ms + 1000, &first, &id),
        OK);
    assert_int_equal(token_create(f->tx, SV("alice"), SV(""), TOKEN_ALL, SV_ABSENT, 0, &second, &id), OK);
    assert_true(is_valid(f, first, &token));
    f->tx->now_ms += 1000;
    assert_false(is_valid(f, first, &token));
    assert_true(is_valid(f, second, &token));
    assert_int_equal(token_revoke(f->tx, id), OK);
    assert_false(is_valid(f, second, &token));
    assert_failed(f, token_revoke(f->tx, 4711), RESOURCE_DOES_NOT_EXIST, "Token with id=4711 not found");
}

/* --- Failed logins --- */

#define HERE SV("192.0.2.1")

static int64_t wait_of(struct store_fixture *f, const char *user, struct sv address)
{
    int64_t wait = -1;
    assert_int_equal(login_wait(f->tx, sv_from(user), address, &wait), OK);
    return wait;
}

static void fail_login(struct store_fixture *f, const char *user, struct sv address, int times)
{
    for (int i = 0; i < times; i++)
        assert_int_equal(login_failed(f->tx, sv_from(user), address), OK);
}

static void who_fails_again_and_again_waits_longer_and_longer_but_not_for_ever(void **state)
{
    struct store_fixture *f = *state;
    fail_login(f, "alice", HERE, LOGIN_FREE_FAILURES - 1);
    assert_int_equal(wait_of(f, "alice", HERE), 0);
    fail_login(f, "alice", HERE, 1);
    assert_int_equal(wait_of(f, "alice", HERE), 1000);
    fail_login(f, "alice", HERE, 1);
    assert_int_equal(wait_of(f, "alice", HERE), 2000);
    fail_login(f, "alice", HERE, 40);
    assert_int_equal(wait_of(f, "alice", HERE), LOGIN_WAIT_MAX_MS);
    f->tx->now_ms += LOGIN_WAIT_MAX_MS - 1;
    assert_int_equal(wait_of(f, "alice", HERE), 1);
    f->tx->now_ms += 1;
    assert_int_equal(wait_of(f, "alice", HERE), 0);
}

static void others_do_not_wait_for_whom_somebody_guesses(void **state)
{
    struct store_fixture *f = *state;
    fail_login(f, "alice", HERE, LOGIN_FREE_FAILURES + 3);
    assert_int_equal(wait_of(f, "bob", HERE), 0);
    assert_int_equal(wait_of(f, "alice", SV("192.0.2.2")), 0);
}

static void an_address_that_tries_many_names_waits_too(void **state)
{
    struct store_fixture *f = *state;
    char name[] = "user-00";
    for (int i = 0; i < LOGIN_ADDRESS_FREE_FAILURES; i++) {
        name[5] = (char)('0' + i / 10);
        name[6] = (char)('0' + i % 10);
        fail_login(f, name, HERE, 1);
    }
    assert_int_equal(wait_of(f, "alice", HERE), 1000);
    assert_int_equal(wait_of(f, "alice", SV("192.0.2.2")), 0);
}

static void an_address_of_ipv6_is_its_network(void **state)
{
    struct store_fixture *f = *state;
    fail_login(f, "alice", SV("2001:db8:1:2::1"), LOGIN_FREE_FAILURES);
    assert_int_equal(wait_of(f, "alice", SV("2001:db8:1:2:ffff::9")), 1000);
    assert_int_equal(wait_of(f, "alice", SV("2001:db8:1:3::1")), 0);
}

static void a_success_or_an_hour_makes_up_for_failures(void **state)
{
    struct store_fixture *f = *state;
    bool has = false;
    fail_login(f, "alice", HERE, LOGIN_FREE_FAILURES);
    fail_login(f, "bob", HERE, LOGIN_FREE_FAILURES);
    assert_int_equal(login_has_failures(f->tx, SV("alice"), HERE, &has), OK);
    assert_true(has);
    assert_int_equal(login_succeeded(f->tx, SV("alice"), HERE), OK);
    assert_int_equal(wait_of(f, "alice", HERE), 0);
    assert_int_equal(wait_of(f, "bob", HERE), 1000);
    f->tx->now_ms += LOGIN_FORGET_MS;
    fail_login(f, "carol", HERE, 1);
    assert_int_equal(wait_of(f, "bob", HERE), 0);
    assert_int_equal(store_number(f, "SELECT count(*) FROM login_failures"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_are_not_given_twice),
        TEST(a_name_is_taken_once),
        TEST(the_last_administrator_stays_one),
        TEST(a_new_password_begins_a_new_generation),
        TEST(a_user_takes_what_is_his_along),
        TEST(passwords_that_are_short_or_the_first_to_be_tried_are_refused),
        TEST(names_that_nobody_could_log_in_with_are_refused),
        TEST(without_a_row_the_default_counts),
        TEST(an_experiment_is_the_same_however_its_number_is_written),
        TEST(rows_are_made_read_changed_and_deleted),
        TEST(who_makes_a_thing_may_manage_it_unless_it_was_said_otherwise),
        TEST(what_is_gone_leaves_no_rows),
        TEST(rows_follow_a_model_to_its_new_name),
        TEST(a_filter_lists_what_differs_from_the_default),
        TEST(a_token_is_found_by_its_secret_of_which_only_a_digest_is_kept),
        TEST(tokens_end_when_they_are_revoked_or_expire),
        TEST(who_fails_again_and_again_waits_longer_and_longer_but_not_for_ever),
        TEST(others_do_not_wait_for_whom_somebody_guesses),
        TEST(an_address_that_tries_many_names_waits_too),
        TEST(an_address_of_ipv6_is_its_network),
        TEST(a_success_or_an_hour_makes_up_for_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
