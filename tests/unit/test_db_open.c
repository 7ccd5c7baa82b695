#include "tests/unit/db_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/db/internal.h"

static bool exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_new_file_carries_our_mark_and_the_newest_schema(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_int_equal(fixture_number(conn, "PRAGMA application_id"), 0x544b4c54);
    assert_int_equal(fixture_number(conn, "PRAGMA user_version"), db_migration_count);
    assert_int_equal(fixture_number(conn, "SELECT count(*) FROM experiments"), 0);
    assert_int_equal(db_commit(conn), OK);
}

static void connections_are_durable_and_check_foreign_keys(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(fixture_number(conn, "PRAGMA synchronous"), 2);
    assert_int_equal(fixture_number(conn, "PRAGMA foreign_keys"), 1);
    assert_int_equal(fixture_number(conn, "PRAGMA wal_autocheckpoint"), 0);
    db_rollback(conn);
    assert_true(exists(fixture->db->wal_path));
}

static void normal_durability_syncs_less(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_options options = fixture_options(fixture);
    options.durability = DB_DURABILITY_NORMAL;
    fixture->db = db_open(&options, fixture->arena, &fixture->error);
    assert_non_null(fixture->db);
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(fixture_number(conn, "PRAGMA synchronous"), 1);
    db_rollback(conn);
}

static void only_the_owner_may_read_a_new_file(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        struct stat found;
        snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
}

static void a_file_is_opened_again_with_its_content(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    fixture_make_table(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void a_missing_file_is_refused_unless_it_may_be_made(void **state)
{
    struct db_fixture *fixture = *state;
    assert_contains(fixture_refusal(fixture, false), "There is no database");
    assert_false(exists(fixture->path));
}

static void an_empty_file_is_refused_unless_it_may_be_filled(void **state)
{
    struct db_fixture *fixture = *state;
    write_file(fixture->path, "");
    assert_contains(fixture_refusal(fixture, false), "is empty");
    fixture_open(fixture);
}

static void a_missing_folder_is_named(void **state)
{
    struct db_fixture *fixture = *state;
    snprintf(fixture->path, sizeof(fixture->path), "%s/no/t.db", fixture->folder);
    assert_contains(fixture_refusal(fixture, true), "/no/t.db cannot be opened: No such file");
}

static void a_folder_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    snprintf(fixture->path, sizeof(fixture->path), "%s", fixture->folder);
    assert_contains(fixture_refusal(fixture, true), "is a folder");
}

static void a_device_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    snprintf(fixture->path, sizeof(fixture->path), "/dev/null");
    assert_contains(fixture_refusal(fixture, true), "is not a regular file");
}

static void a_path_without_a_name_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    fixture->path[0] = '\0';
    assert_contains(fixture_refusal(fixture, true), "needs a file name");
}

static void a_text_file_is_refused_and_left_alone(void **state)
{
    struct db_fixture *fixture = *state;
    write_file(fixture->path,
               "This is a letter, long enough to be looked at as a database header, but it is none. "
               "It goes on a little, for SQLite looks at the first hundred bytes.\n");
    struct stat before, after;
    stat(fixture->path, &before);
    assert_contains(fixture_refusal(fixture, true), "is not a database");
    stat(fixture->path, &after);
    assert_int_equal(before.st_size, after.st_size);
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_foreign_sql(fixture->path, "CREATE TABLE songs (title)");
    assert_contains(fixture_refusal(fixture, true), "belongs to another program");
    char lock[128];
    snprintf(lock, sizeof(lock), "%s-lock", fixture->path);
    assert_false(exists(lock));
}

static void a_database_with_another_application_id_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_foreign_sql(fixture->path, "PRAGMA application_id = 77");
    assert_contains(fixture_refusal(fixture, true), "belongs to another program");
}

static void a_database_of_mlflow_is_to_be_imported(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_foreign_sql(fixture->path, "CREATE TABLE alembic_version (version_num)");
    struct sv message = fixture_refusal(fixture, true);
    assert_contains(message, "MLflow's own database");
    assert_contains(message, "import");
}

static void a_newer_schema_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    fixture_close(fixture);
    fixture_foreign_sql(fixture->path, "PRAGMA user_version = 9999");
    struct sv message = fixture_refusal(fixture, true);
    assert_contains(message, "schema version 9999");
    assert_contains(message, "Install the Tracklight that wrote it");
}

/* Root may write everywhere, so this is tried as somebody else. */
static void a_file_that_may_not_be_written_is_refused(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    fixture_close(fixture);
    chmod(fixture->folder, 0755);
    chmod(fixture->path, 0444);
    pid_t child = fork();
    if (child == 0) {
        struct db_options options = fixture_options(fixture);
        if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
            _exit(2);
        struct db *db = db_open(&options, fixture->arena, &fixture->error);
        _exit(!db && sv_contains(fixture->error.message, "Permission denied") ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    chmod(fixture->path, 0600);
}

static void a_name_that_looks_like_a_uri_is_a_file_name(void **state)
{
    struct db_fixture *fixture = *state;
    char before[512];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(fixture->folder), 0);
    struct db_options options = fixture_options(fixture);
    options.path = SV("file:x?mode=memory");
    fixture->db = db_open(&options, fixture->arena, &fixture->error);
    assert_true(exists("file:x?mode=memory"));
    assert_int_equal(chdir(before), 0);
    assert_non_null(fixture->db);
    /* Read connections are opened later, wherever the process is by then. */
    fixture_make_table(fixture);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void a_symbolic_link_leads_to_the_same_database(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_open(fixture);
    fixture_make_table(fixture);
    char link[128], lock[160];
    snprintf(link, sizeof(link), "%s/link.db", fixture->folder);
    assert_int_equal(symlink(fixture->path, link), 0);
    struct db_options options = fixture_options(fixture);
    options.path = sv_from(link);
    struct db *second = db_open(&options, fixture->arena, &fixture->error);
    assert_non_null(second);
    assert_string_equal(second->path, fixture->db->path);
    db_close(second);
    snprintf(lock, sizeof(lock), "%s-lock", link);
    assert_false(exists(lock));
}

/* --- Migrations --- */

static struct db_conn *open_tool(struct db_fixture *fixture, struct db_conn *tool)
{
    fixture_open(fixture);
    assert_int_equal(db_conn_open(tool, fixture->db, DB_ROLE_TOOL), SQLITE_OK);
    return tool;
}

static int64_t tool_number(const struct db_conn *tool, const char *sql)
{
    int64_t number = -1;
    assert_int_equal(db_select_int(tool->handle, sql, &number), SQLITE_OK);
    return number;
}

static void newer_migrations_are_applied_in_order_and_once(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn tool;
    open_tool(fixture, &tool);
    int64_t have = (int64_t)db_migration_count;
    const struct db_migration more[] = {
        {1, "0001-old", "CREATE TABLE must_not_be_made (x)"},
        {have + 1, "one", "CREATE TABLE a (x)"},
        {have + 2, "two", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)"},
    };
    assert_int_equal(db_migrate(&tool, more, 3, fixture->arena, &fixture->error), OK);
    assert_int_equal(db_migrate(&tool, more, 3, fixture->arena, &fixture->error), OK);
    assert_int_equal(tool_number(&tool, "PRAGMA user_version"), have + 2);
    assert_int_equal(tool_number(&tool, "SELECT count(*) FROM a"), 1);
    assert_int_equal(tool_number(&tool, "SELECT count(*) FROM sqlite_schema WHERE name = 'must_not_be_made'"),
                     0);
    assert_int_equal(tool_number(&tool, "PRAGMA foreign_keys"), 1);
    db_conn_close(&tool);
}

static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn tool;
    open_tool(fixture, &tool);
    int64_t have = (int64_t)db_migration_count;
    const struct db_migration more[] = {
        {have + 1, "good", "CREATE TABLE a (x)"},
        {have + 2, "bad", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"},
    };
    assert_int_equal(db_migrate(&tool, more, 2, fixture->arena, &fixture->error), FAILED);
    assert_contains(fixture->error.message, "bad");
    assert_contains(fixture->error.message, "no such table: nowhere");
    assert_int_equal(tool_number(&tool, "PRAGMA user_version"), have + 1);
    assert_int_equal(tool_number(&tool, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
    db_conn_close(&tool);
}

static void a_migration_that_breaks_a_reference_is_undone(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn tool;
    open_tool(fixture, &tool);
    int64_t have = (int64_t)db_migration_count;
    const struct db_migration more[] = {
        {have + 1, "dangling", "INSERT INTO experiment_tags VALUES (4711, 'k', 'v')"},
    };
    assert_int_equal(db_migrate(&tool, more, 1, fixture->arena, &fixture->error), FAILED);
    assert_int_equal(tool_number(&tool, "PRAGMA user_version"), have);
    assert_int_equal(tool_number(&tool, "SELECT count(*) FROM experiment_tags"), 0);
    db_conn_close(&tool);
}

static void the_embedded_migrations_are_numbered_without_gaps(void **state)
{
    (void)state;
    assert_true(db_migration_count > 0);
    for (size_t i = 0; i < db_migration_count; i++)
        assert_int_equal(db_migrations[i].version, i + 1);
}

static void four_processes_may_start_at_once_on_a_new_file(void **state)
{
    struct db_fixture *fixture = *state;
    for (int round = 0; round < 10; round++) {
        snprintf(fixture->path, sizeof(fixture->path), "%s/start%d.db", fixture->folder, round);
        int gate[2];
        assert_int_equal(pipe(gate), 0);
        pid_t children[4];
        for (int i = 0; i < 4; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                char byte;
                close(gate[1]);
                if (read(gate[0], &byte, 1) != 0)
                    _exit(2);
                struct db_options options = fixture_options(fixture);
                struct db *db = db_open(&options, fixture->arena, &fixture->error);
                if (!db) {
                    print_error("%.*s\n", SV_ARG(fixture->error.message));
                    _exit(1);
                }
                db_close(db);
                _exit(0);
            }
        }
        close(gate[0]);
        close(gate[1]);
        int failures = 0;
        for (int i = 0; i < 4; i++) {
            int result;
            assert_int_equal(waitpid(children[i], &result, 0), children[i]);
            failures += result != 0;
        }
        assert_int_equal(failures, 0);
        fixture_open(fixture);
        fixture_close(fixture);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_carries_our_mark_and_the_newest_schema),
        TEST(connections_are_durable_and_check_foreign_keys),
        TEST(normal_durability_syncs_less),
        TEST(only_the_owner_may_read_a_new_file),
        TEST(a_file_is_opened_again_with_its_content),
        TEST(a_missing_file_is_refused_unless_it_may_be_made),
        TEST(an_empty_file_is_refused_unless_it_may_be_filled),
        TEST(a_missing_folder_is_named),
        TEST(a_folder_is_refused),
        TEST(a_device_is_refused),
        TEST(a_path_without_a_name_is_refused),
        TEST(a_text_file_is_refused_and_left_alone),
        TEST(a_database_of_another_program_is_refused_and_left_alone),
        TEST(a_database_with_another_application_id_is_refused),
        TEST(a_database_of_mlflow_is_to_be_imported),
        TEST(a_newer_schema_is_refused),
        TEST(a_file_that_may_not_be_written_is_refused),
        TEST(a_name_that_looks_like_a_uri_is_a_file_name),
        TEST(a_symbolic_link_leads_to_the_same_database),
        TEST(newer_migrations_are_applied_in_order_and_once),
        TEST(a_migration_that_fails_leaves_nothing_behind),
        TEST(a_migration_that_breaks_a_reference_is_undone),
        TEST(the_embedded_migrations_are_numbered_without_gaps),
        TEST(four_processes_may_start_at_once_on_a_new_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
