#include "tests/unit/db_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db/migrations.h"

static void insert(struct db_fixture *fixture, const char *text)
{
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(db_exec(conn, NULL, "INSERT INTO t (text) VALUES (?)", db_text(sv_from(text))), OK);
    assert_int_equal(db_commit(conn), OK);
}

static void info_tells_versions_and_counts(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_info before, after;
    assert_int_equal(db_info(fixture->db, fixture->arena, &fixture->error, &before), OK);
    insert(fixture, "a");
    insert(fixture, "b");
    assert_int_equal(db_info(fixture->db, fixture->arena, &fixture->error, &after), OK);
    assert_int_equal(after.schema_version, db_migration_count);
    assert_int_equal(after.newest_version, db_migration_count);
    assert_int_equal(after.commits - before.commits, 2);
    assert_int_equal(after.group_members - before.group_members, 2);
    assert_true(after.wal_bytes > 0);
}

static int reported;
static char last_report[256];

static void note_report(void *context, struct sv line)
{
    assert_ptr_equal(context, &reported);
    reported++;
    snprintf(last_report, sizeof(last_report), "%.*s", SV_ARG(line));
}

static enum status check(struct db_fixture *fixture)
{
    reported = 0;
    error_clear(&fixture->error);
    return db_check(fixture->db, fixture->arena, &fixture->error, note_report, &reported);
}

static void a_sound_database_passes_the_check(void **state)
{
    struct db_fixture *fixture = *state;
    insert(fixture, "a");
    assert_int_equal(check(fixture), OK);
    assert_int_equal(reported, 0);
}

static void a_dangling_reference_is_reported(void **state)
{
    struct db_fixture *fixture = *state;
    fixture_foreign_sql(fixture->path, "PRAGMA foreign_keys = OFF;"
                                       "INSERT INTO experiment_tags VALUES (4711, 'k', 'v')");
    assert_int_equal(check(fixture), FAILED);
    assert_int_equal(fixture->error.code, DATA_LOSS);
    assert_int_equal(reported, 1);
    assert_contains(sv_from(last_report), "experiment_tags points to a missing row of experiments");
}

static void a_damaged_page_is_reported(void **state)
{
    struct db_fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%d %01000d", i, i);
        insert(fixture, text);
    }
    fixture_close(fixture);
    struct stat file;
    assert_int_equal(stat(fixture->path, &file), 0);
    int fd = open(fixture->path, O_RDWR);
    char junk[4096];
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)(i * 31);
    assert_int_equal(pwrite(fd, junk, sizeof(junk), file.st_size - 3 * 4096), sizeof(junk));
    close(fd);
    fixture_open(fixture);
    assert_int_equal(check(fixture), FAILED);
    assert_int_equal(fixture->error.code, DATA_LOSS);
    assert_true(reported > 0);
}

static void backup_path(const struct db_fixture *fixture, char path[128])
{
    snprintf(path, 128, "%s/backup.db", fixture->folder);
}

static void a_backup_opens_with_what_was_committed(void **state)
{
    struct db_fixture *fixture = *state;
    char path[128];
    backup_path(fixture, path);
    insert(fixture, "before");
    assert_int_equal(db_backup(fixture->db, sv_from(path), fixture->arena, &fixture->error), OK);
    insert(fixture, "after");
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    fixture_close(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "%s/backup.db", fixture->folder);
    fixture_open(fixture);
    assert_int_equal(fixture_rows(fixture, "before"), 1);
    assert_int_equal(fixture_rows(fixture, "after"), 0);
    assert_int_equal(check(fixture), OK);
}

static void a_backup_leaves_out_what_is_not_committed(void **state)
{
    struct db_fixture *fixture = *state;
    char path[128];
    backup_path(fixture, path);
    struct arena *arena = arena_new(1 << 20);
    struct error error = {.code = ERROR_NONE};
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(db_exec0(conn, NULL, "INSERT INTO t (text) VALUES ('open')"), OK);
    assert_int_equal(db_backup(fixture->db, sv_from(path), arena, &error), OK);
    assert_int_equal(db_commit(conn), OK);
    arena_free(arena);
    fixture_close(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "%s/backup.db", fixture->folder);
    fixture_open(fixture);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void a_backup_overwrites_nothing(void **state)
{
    struct db_fixture *fixture = *state;
    char path[128];
    backup_path(fixture, path);
    FILE *file = fopen(path, "w");
    assert_true(fputs("precious", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(db_backup(fixture->db, sv_from(path), fixture->arena, &fixture->error), FAILED);
    assert_int_equal(fixture->error.code, RESOURCE_ALREADY_EXISTS);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 8);
    error_clear(&fixture->error);
    assert_int_equal(db_backup(fixture->db, sv_from(fixture->path), fixture->arena, &fixture->error), FAILED);
    insert(fixture, "still there");
    assert_int_equal(fixture_rows(fixture, NULL), 1);
}

static void a_backup_into_a_missing_folder_says_so(void **state)
{
    struct db_fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/no/backup.db", fixture->folder);
    assert_int_equal(db_backup(fixture->db, sv_from(path), fixture->arena, &fixture->error), FAILED);
    assert_contains(fixture->error.message, "No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(info_tells_versions_and_counts),
        TEST(a_sound_database_passes_the_check),
        TEST(a_dangling_reference_is_reported),
        TEST(a_damaged_page_is_reported),
        TEST(a_backup_opens_with_what_was_committed),
        TEST(a_backup_leaves_out_what_is_not_committed),
        TEST(a_backup_overwrites_nothing),
        TEST(a_backup_into_a_missing_folder_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
