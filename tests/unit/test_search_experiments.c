#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/id.h"
#include "common/store/experiment_search.h"

static struct arena *arena;
static struct error error;
static struct store store;
static char path[64];

/* id, name, lifecycle, creation_time, last_update_time, tag team, tag note; "" is absent. */
static const struct {
    int64_t id;
    const char *name;
    int lifecycle;
    int64_t creation_time;
    int64_t last_update_time;
    const char *team;
    const char *note;
} rows[] = {
    {0, "Default", 0, 100, 100, "", ""},       {1, "vision/cnn", 0, 200, 900, "red", "first"},
    {2, "vision/vit", 0, 300, 800, "Red", ""}, {3, "nlp", 0, 300, 700, "blue", "100%"},
    {4, "old", 1, 400, 600, "red", ""},        {5, "Vision", 0, 50, 600, "", "x"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct db_conn *begin(enum db_access access)
{
    struct db_conn *conn;
    error_clear(&error);
    assert_int_equal(db_begin(store.db, access, arena, &error, &conn), OK);
    return conn;
}

static void add_tag(struct db_conn *conn, int64_t id, const char *key, const char *value)
{
    if (value[0])
        assert_int_equal(db_exec(conn, NULL,
                                 "INSERT INTO experiment_tags (experiment, key, value) VALUES (?, ?, ?)",
                                 db_int(id), db_text(sv_from(key)), db_text(sv_from(value))),
                         OK);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    snprintf(path, sizeof(path), "/tmp/test-experiments-%d.db", (int)getpid());
    struct db_options options = {.path = sv_from(path),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 10000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    store.db = db_open(&options, arena, &error);
    if (!store.db)
        return -1;
    struct db_conn *conn = begin(DB_WRITE);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(db_exec(conn, NULL,
                                 "INSERT INTO experiments (id, name, artifact_location, lifecycle, "
                                 "creation_time, last_update_time)"
                                 " VALUES (?, ?, '', ?, ?, ?)",
                                 db_int(rows[i].id), db_text(sv_from(rows[i].name)),
                                 db_int(rows[i].lifecycle), db_int(rows[i].creation_time),
                                 db_int(rows[i].last_update_time)),
                         OK);
        add_tag(conn, rows[i].id, "team", rows[i].team);
        add_tag(conn, rows[i].id, "a b", rows[i].note);
    }
    assert_int_equal(db_commit(conn), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    db_close(store.db);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char file[96];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    arena_free(arena);
    return 0;
}

static enum status search(const struct experiment_search *input, struct experiment_page *page)
{
    struct db_conn *conn = begin(DB_READ);
    struct store_tx tx = {.store = &store, .db = conn, .arena = arena, .error = &error};
    enum status status = experiment_search(&tx, input, page);
    db_rollback(conn);
    return status;
}

/* `expected` are ids, ending with -1; gone through in pages of each size. */
static void assert_finds(const char *filter, const char *order, enum view_type view, const int64_t *expected)
{
    struct sv order_by[4];
    size_t order_count = 0;
    size_t expected_count = 0;
    while (expected[expected_count] != -1)
        expected_count++;
    for (struct sv rest = sv_from(order); rest.data;)
        order_by[order_count++] = sv_cut(&rest, '|');
    for (int64_t size = 1; size <= ROWS + 1; size++)
        for (int plain_offsets = 0; plain_offsets < 2; plain_offsets++) {
            struct experiment_search input = {.filter = sv_from(filter),
                                              .order_by = order_by,
                                              .order_by_count = order_count,
                                              .view = view,
                                              .max_results = size};
            size_t at = 0;
            do {
                struct experiment_page page = {0};
                if (search(&input, &page) != OK)
                    fail_msg("%s: %.*s %.*s", filter, SV_ARG(error.message), SV_ARG(error.detail));
                assert_true((int64_t)page.count <= size);
                assert_true(page.count <= expected_count - at);
                for (size_t i = 0; i < page.count && at < expected_count; i++, at++)
                    if (page.ids[i] != expected[at])
                        fail_msg("%s, %s: %d is not %d", filter, order ? order : "", (int)page.ids[i],
                                 (int)expected[at]);
                input.page_token = page.next_page_token;
                /* A token is given only if something follows. */
                assert_int_equal(page.next_page_token.data != NULL, at < expected_count);
                if (plain_offsets && at < expected_count)
                    input.page_token = base64_encode(arena, arena_printf(arena, "{\"offset\": %zu}", at));
            } while (input.page_token.data);
            assert_int_equal(at, expected_count);
        }
}

#define IDS(...) ((const int64_t[]){__VA_ARGS__, -1})
#define NO_IDS   ((const int64_t[]){-1})

static void the_default_is_active_ones_newest_first(void **state)
{
    (void)state;
    assert_finds("", NULL, VIEW_ACTIVE_ONLY, IDS(2, 3, 1, 0, 5));
    assert_finds("", NULL, VIEW_DELETED_ONLY, IDS(4));
    assert_finds("", NULL, VIEW_ALL, IDS(4, 2, 3, 1, 0, 5));
}

static void an_explicit_order_breaks_ties_by_descending_id(void **state)
{
    (void)state;
    assert_finds("", "creation_time", VIEW_ALL, IDS(5, 0, 1, 3, 2, 4));
    assert_finds("", "creation_time DESC", VIEW_ALL, IDS(4, 3, 2, 1, 0, 5));
    assert_finds("", "last_update_time ASC|experiment_id ASC", VIEW_ALL, IDS(0, 4, 5, 3, 2, 1));
    assert_finds("", "name", VIEW_ALL, IDS(0, 5, 3, 4, 1, 2));
    assert_finds("", "attribute.name desc|name", VIEW_ALL, IDS(2, 1, 4, 3, 5, 0));
    assert_finds("", "experiment_id", VIEW_ACTIVE_ONLY, IDS(0, 1, 2, 3, 5));
}

static void names_are_compared_as_written(void **state)
{
    (void)state;
    assert_finds("name = 'nlp'", NULL, VIEW_ALL, IDS(3));
    assert_finds("attribute.name != 'nlp'", NULL, VIEW_ACTIVE_ONLY, IDS(2, 1, 0, 5));
    assert_finds("name LIKE 'vision%'", NULL, VIEW_ALL, IDS(2, 1));
    assert_finds("name ILIKE 'VISION%'", NULL, VIEW_ALL, IDS(2, 1, 5));
    assert_finds("name like '_lp'", NULL, VIEW_ALL, IDS(3));
    assert_finds("name = 'old'", NULL, VIEW_ACTIVE_ONLY, NO_IDS);
}

static void times_are_compared_as_numbers(void **state)
{
    (void)state;
    assert_finds("creation_time > 200", NULL, VIEW_ALL, IDS(4, 2, 3));
    assert_finds("creation_time >= 200 AND creation_time < 400", NULL, VIEW_ALL, IDS(2, 3, 1));
    assert_finds("creation_time <= 99.5", NULL, VIEW_ALL, IDS(5));
    assert_finds("last_update_time = 600", NULL, VIEW_ALL, IDS(4, 5));
    assert_finds("last_update_time != 600", NULL, VIEW_ACTIVE_ONLY, IDS(2, 3, 1, 0));
}

static void tags_are_compared_where_they_exist(void **state)
{
    (void)state;
    assert_finds("tags.team = 'red'", NULL, VIEW_ALL, IDS(4, 1));
    assert_finds("tag.team != 'red'", NULL, VIEW_ALL, IDS(2, 3));
    assert_finds("tags.team ILIKE 'RED'", NULL, VIEW_ALL, IDS(4, 2, 1));
    assert_finds("tags.team LIKE 'r%'", NULL, VIEW_ALL, IDS(4, 1));
    assert_finds("tags.`a b` = '100%'", NULL, VIEW_ALL, IDS(3));
    assert_finds("tags.team IS NULL", NULL, VIEW_ALL, IDS(0, 5));
    assert_finds("tags.team IS NOT NULL AND name != 'old'", NULL, VIEW_ALL, IDS(2, 3, 1));
    assert_finds("tags.nothing = 'x'", NULL, VIEW_ALL, NO_IDS);
}

static void client_errors_have_mlflows_texts(void **state)
{
    (void)state;
    struct sv tag = SV("tags.team");
    struct experiment_search inputs[] = {
        {.view = VIEW_ALL, .max_results = 1, .filter = SV("tags.team > 'x'")},
        {.view = VIEW_ALL, .max_results = 1, .order_by = &tag, .order_by_count = 1},
        {.view = VIEW_ALL, .max_results = 1, .page_token = SV("e30=")},
    };
    static const char *const messages[] = {
        "Invalid comparator for tag: >",
        "Invalid order_by entity: tag",
        "Invalid page token, parsed value={}",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct experiment_page page;
        assert_int_equal(search(&inputs[i], &page), FAILED);
        assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
        if (!sv_equal(error.message, sv_from(messages[i])))
            fail_msg("'%.*s' is not '%s'", SV_ARG(error.message), messages[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_active_ones_newest_first),
        cmocka_unit_test(an_explicit_order_breaks_ties_by_descending_id),
        cmocka_unit_test(names_are_compared_as_written),
        cmocka_unit_test(times_are_compared_as_numbers),
        cmocka_unit_test(tags_are_compared_where_they_exist),
        cmocka_unit_test(client_errors_have_mlflows_texts),
    };
    return cmocka_run_group_tests_name("experiments/search", tests, set_up, tear_down);
}
