#include "common/store/auth_settings.h"

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

static struct auth_settings settings_of(const char *text)
{
    struct auth_settings auth = {.default_permission = PERMISSION_READ};
    struct sv problem = SV("");
    if (!auth_settings_parse(SV("auth.ini"), sv_from(text), arena, &auth, &problem))
        fail_msg("refused: %.*s", SV_ARG(problem));
    return auth;
}

static void assert_problem(const char *text, const char *expected)
{
    struct auth_settings auth = {.default_permission = PERMISSION_READ};
    struct sv problem = SV_ABSENT;
    assert_false(auth_settings_parse(SV("auth.ini"), sv_from(text), arena, &auth, &problem));
    assert_string_equal(arena_cstr(arena, problem), expected);
}

static void a_whole_file_is_read(void **state)
{
    (void)state;
    struct auth_settings auth =
        settings_of("# MLflow's\n[mlflow]\r\ndefault_permission = NO_PERMISSIONS\n"
                    "database_uri: sqlite:////srv/users.db\n\n; the first\nADMIN_USERNAME=boss\n"
                    "admin_password = 100%% = sure: yes # really\n"
                    "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
                    "[other]\nwhatever = 1\n");
    assert_int_equal(auth.default_permission, PERMISSION_NONE);
    assert_true(sv_equal(auth.database, SV("/srv/users.db")));
    assert_true(sv_equal(auth.admin_username, SV("boss")));
    assert_true(sv_equal(auth.admin_password, SV("100% = sure: yes # really")));
}

static void an_empty_file_leaves_the_defaults(void **state)
{
    (void)state;
    struct auth_settings auth = settings_of("");
    assert_int_equal(auth.default_permission, PERMISSION_READ);
    assert_null(auth.database.data);
    assert_null(auth.admin_username.data);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    assert_problem(
        "[mlflow]\ndefault_permission = SOME\n",
        "auth.ini: line 2: default_permission is none of READ, USE, EDIT, MANAGE and NO_PERMISSIONS.");
    assert_problem("[mlflow]\n\nadmin_pasword = x\n",
                   "auth.ini: line 3: admin_pasword is no setting of authentication.");
    assert_problem(
        "[mlflow]\nauthorization_function = my.module:f\n",
        "auth.ini: line 2: authorization_function can only be "
        "mlflow.server.auth:authenticate_request_basic_auth: functions in Python cannot be called.");
    assert_problem("admin_username = x\n", "auth.ini: line 1: there is no [section] before it.");
    assert_problem("[mlflow]\nadmin_username\n", "auth.ini: line 2: expected 'key = value'.");
    assert_problem("[mlflow]\nadmin_username = a\nadmin_username = b\n",
                   "auth.ini: line 3: the key was set further up already.");
    assert_problem("[mlflow\n", "auth.ini: line 1: a section is written [name], alone on its line.");
    assert_problem("[mlflow]\nadmin_username = a\n  b\n",
                   "auth.ini: line 3: the line is indented: values have one line.");
}

static void a_percent_sign_must_be_doubled(void **state)
{
    (void)state;
    const char *expected =
        "auth.ini: line 2: a '%' must be written '%%'; references to other keys are not supported.";
    assert_problem("[mlflow]\nadmin_password = 100%\n", expected);
    assert_problem("[mlflow]\nadmin_password = %(admin_username)s\n", expected);
    assert_true(sv_equal(settings_of("[mlflow]\nadmin_password = %%%%\n").admin_password, SV("%%")));
}

static void a_database_that_is_no_sqlite_is_refused(void **state)
{
    (void)state;
    struct auth_settings auth;
    struct sv problem = SV_ABSENT;
    assert_false(auth_settings_parse(SV("auth.ini"), SV("[mlflow]\ndatabase_uri = postgresql://db/x\n"),
                                     arena, &auth, &problem));
    assert_true(sv_starts_with(problem, SV("auth.ini: line 2: database_uri names no database: ")));
}

static void a_name_without_a_password_is_an_oversight(void **state)
{
    (void)state;
    struct auth_settings auth;
    struct sv problem = SV_ABSENT;
    const struct settings without = {.admin_username = SV("boss")},
                          with = {.admin_username = SV("boss"), .admin_password = SV("p")};
    assert_false(auth_settings_load(&without, arena, &auth, &problem));
    assert_true(sv_starts_with(problem, SV("admin_username and admin_password go together")));
    assert_true(auth_settings_load(&with, arena, &auth, &problem));
}

static void users_lie_beside_the_experiments_unless_said_otherwise(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    struct auth_settings auth = {.default_permission = PERMISSION_READ};
    const struct settings settings = {.backend_store_uri = SV("sqlite:////srv/t.db")},
                          files_only = {.artifacts_only = true};
    struct sv path;
    assert_int_equal(auth_database(&settings, &auth, arena, &error, &path), OK);
    assert_string_equal(path.data, "/srv/t.db");
    assert_int_equal(auth_database(&files_only, &auth, arena, &error, &path), FAILED);
    auth.database = SV("/srv/users.db");
    assert_int_equal(auth_database(&settings, &auth, arena, &error, &path), OK);
    assert_string_equal(path.data, "/srv/users.db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(an_empty_file_leaves_the_defaults),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(a_percent_sign_must_be_doubled),
        cmocka_unit_test(a_database_that_is_no_sqlite_is_refused),
        cmocka_unit_test(a_name_without_a_password_is_an_oversight),
        cmocka_unit_test(users_lie_beside_the_experiments_unless_said_otherwise),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
