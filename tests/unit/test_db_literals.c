#include "tests/unit/db_fixture.h"

#include <sqlite3.h>

/* Linked with the whole library, so that every DB_LITERAL of the stores is here. */
extern const struct db_literal __start_db_literals[];
extern const struct db_literal __stop_db_literals[];

static void every_literal_can_be_prepared(void **state)
{
    struct db_fixture *fixture = *state;
    sqlite3 *handle = NULL;
    assert_string_equal(DB_LITERAL("SELECT 1")->sql, "SELECT 1"); /* so that there is at least one */
    size_t prepared = 0, bad = 0;
    assert_int_equal(sqlite3_open(fixture->path, &handle), SQLITE_OK);
    for (const struct db_literal *literal = __start_db_literals; literal < __stop_db_literals; literal++) {
        if (!literal->sql) /* AddressSanitizer puts padding between them */
            continue;
        sqlite3_stmt *statement = NULL;
        const char *tail = "";
        if (sqlite3_prepare_v2(handle, literal->sql, -1, &statement, &tail) != SQLITE_OK) {
            print_error("%s\n    in: %s\n", sqlite3_errmsg(handle), literal->sql);
            bad++;
        } else if (!statement || *tail != '\0') {
            print_error("not exactly one statement: %s\n", literal->sql);
            bad++;
        }
        sqlite3_finalize(statement);
        prepared++;
    }
    sqlite3_close(handle);
    print_message("%zu literals\n", prepared);
    assert_int_equal(bad, 0);
    assert_true(prepared > 0);
}

static int setup(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    fixture_open(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_literal_can_be_prepared, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
