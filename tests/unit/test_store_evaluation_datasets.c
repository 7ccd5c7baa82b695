#include "tests/unit/store_fixture.h"

#include <stdlib.h>

#include "common/base/id.h"
#include "common/json/json_read.h"
#include "common/store/dataset_records.h"
#include "common/store/evaluation_dataset_search.h"
#include "common/store/evaluation_datasets.h"

static struct json_object *parse(struct store_fixture *fixture, const char *text)
{
    struct json_object *root;
    struct sv problem;
    assert_int_equal(json_parse(fixture->tx->arena, sv_from(text), &root, &problem), JSON_OK);
    return root;
}

static struct sv create(struct store_fixture *fixture, const char *name)
{
    struct sv dataset_id;
    assert_int_equal(evaluation_dataset_create(fixture->tx, sv_from(name), NULL, 0, NULL, &dataset_id), OK);
    return dataset_id;
}

static struct evaluation_dataset load(struct store_fixture *fixture, struct sv dataset_id)
{
    struct evaluation_dataset dataset;
    assert_int_equal(evaluation_dataset_load(fixture->tx, dataset_id, &dataset), OK);
    return dataset;
}

static enum status upsert(struct store_fixture *fixture, struct sv dataset_id, const char *text,
                          struct dataset_records_counts *counts)
{
    struct json_object *records = parse(fixture, text);
    enum status status = dataset_records_upsert(fixture->tx, dataset_id, records, counts);
    json_object_put(records);
    return status;
}

static void assert_counts(struct store_fixture *fixture, struct sv dataset_id, const char *text,
                          int64_t inserted, int64_t updated)
{
    struct dataset_records_counts counts;
    assert_int_equal(upsert(fixture, dataset_id, text, &counts), OK);
    assert_int_equal(counts.inserted, inserted);
    assert_int_equal(counts.updated, updated);
}

/* The hash that is kept for these inputs, in a dataset of their own. */
static void assert_hash(struct store_fixture *fixture, const char *records, const char *hash)
{
    struct sv dataset_id = create(fixture, "hash");
    assert_counts(fixture, dataset_id, records, 1, 0);
    struct sv sql = arena_printf(fixture->tx->arena,
                                 "SELECT count(*) FROM evaluation_records WHERE input_hash = '%s'", hash);
    assert_int_equal(store_number(fixture, sql.data), 1);
    assert_int_equal(evaluation_dataset_delete(fixture->tx, dataset_id), OK);
}

static void hashes_are_those_that_mlflow_gives_the_same_inputs(void **state)
{
    assert_hash(*state, "[{\"inputs\":{\"a\":1}}]",
                "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310");
    assert_hash(*state, "[{\"inputs\":{\"q\":0}}]",
                "9f782d87078b2bd141fa0bf1dc57a9953c610099850172ab7a92d4b4d710e750");
    assert_hash(*state, "[{\"inputs\":{\"q\":3}}]",
                "e3eea5a9f07a5884df94ed80a89ce157a306d8beda2dd657d0980af911208e51");
}

static void the_digest_is_that_of_the_name_and_the_time(void **state)
{
    struct store_fixture *fixture = *state;
    assert_text(evaluation_dataset_digest(fixture->tx->arena, SV("eval-1"), INT64_C(1795337569141)),
                "099eb4e5");
}

static void an_upsert_moves_the_digest_and_links_do_not(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv dataset_id = create(fixture, "d");
    struct evaluation_dataset before = load(fixture, dataset_id);
    fixture->tx->now_ms += 5;
    assert_int_equal(
        evaluation_dataset_add_experiments(fixture->tx, dataset_id, (const struct sv[]){SV("0")}, 1), OK);
    struct evaluation_dataset linked = load(fixture, dataset_id);
    assert_true(sv_equal(linked.digest, before.digest));
    assert_int_equal(linked.last_update_time, before.last_update_time + 5);
    fixture->tx->now_ms += 5;
    assert_counts(fixture, dataset_id, "[]", 0, 0);
    struct evaluation_dataset changed = load(fixture, dataset_id);
    assert_int_equal(changed.last_update_time, before.last_update_time + 10);
    assert_true(sv_equal(changed.digest,
                         evaluation_dataset_digest(fixture->tx->arena, SV("d"), changed.last_update_time)));
    assert_null(changed.schema.data);
    assert_int_equal(changed.record_count, 0);
}

static void a_record_is_found_again_by_its_inputs_alone(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv dataset_id = create(fixture, "d");
    assert_counts(fixture, dataset_id,
                  "[{\"inputs\":{\"b\":[1,{\"y\":1,\"x\":2}],\"a\":1}}, {\"inputs\":{\"a\":1.0}}, {}]", 3, 0);
    assert_counts(
        fixture, dataset_id,
        "[{\"inputs\":{\"a\":1,\"b\":[1,{\"x\":2,\"y\":1}]},\"outputs\":5}, {\"inputs\":{\"a\":true}}, "
        "{\"inputs\":{}}]",
        1, 2);
    assert_int_equal(load(fixture, dataset_id).record_count, 4);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM evaluation_records"), 4);
}

static void a_bad_record_names_its_place(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv dataset_id = create(fixture, "d");
    struct dataset_records_counts counts;
    assert_failed(fixture, upsert(fixture, dataset_id, "[{}, {\"inputs\": 5}]", &counts),
                  INVALID_PARAMETER_VALUE, "records[1].inputs must be an object, but was of type 'int'.");
    assert_failed(fixture, upsert(fixture, SV("nope"), "[]", &counts), RESOURCE_DOES_NOT_EXIST,
                  "Dataset 'nope' not found");
}

static void times_of_records_are_those_of_their_calls(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv dataset_id = create(fixture, "d");
    struct dataset_records_page page;
    fixture->tx->now_ms = 1000;
    assert_counts(fixture, dataset_id, "[{\"tags\":{\"mlflow.user\":\"a\"}}]", 1, 0);
    fixture->tx->now_ms = 2000;
    assert_counts(fixture, dataset_id, "[{\"expectations\":{\"e\":\"\\u00e9\"}}]", 0, 1);
    assert_int_equal(dataset_records_list(fixture->tx, dataset_id, 10, SV_ABSENT, &page), OK);
    struct sv rest = sv_from_offset(page.records, sv_find(page.records, ',')); /* behind the record's id */
    struct sv expected = arena_printf(
        fixture->tx->arena,
        ", \"dataset_id\": \"%.*s\", \"inputs\": {}, \"expectations\": {\"e\": \"\\u00e9\"}, \"tags\": "
        "{\"mlflow.user\": \"a\"}, \"created_time\": 1000, \"last_update_time\": 2000, \"created_by\": "
        "\"a\", "
        "\"last_updated_by\": \"a\", \"outputs\": {}}]",
        SV_ARG(dataset_id));
    assert_text(rest, expected.data);
}

static void pages_of_every_size_hold_the_same_records(void **state)
{
    enum { RECORDS = 23 };
    struct store_fixture *fixture = *state;
    struct sv dataset_id = create(fixture, "d");
    for (int i = 0; i < RECORDS; i++) {
        fixture->tx->now_ms += i % 3 == 0; /* some at one time, some later */
        struct sv text = arena_printf(fixture->tx->arena, "[{\"inputs\":{\"i\":%d}}]", i);
        assert_counts(fixture, dataset_id, text.data, 1, 0);
    }
    struct dataset_records_page whole;
    assert_int_equal(dataset_records_list(fixture->tx, dataset_id, RECORDS, SV_ABSENT, &whole), OK);
    assert_null(whole.next_page_token.data);
    struct json_object *expected = parse(fixture, arena_cstr(fixture->tx->arena, whole.records));
    assert_int_equal(json_object_array_length(expected), RECORDS);
    for (int64_t size = 1; size <= RECORDS; size++) {
        struct dataset_records_page page = {.next_page_token = SV_ABSENT};
        size_t seen = 0;
        do {
            assert_int_equal(dataset_records_list(fixture->tx, dataset_id, size, page.next_page_token, &page),
                             OK);
            struct json_object *found = parse(fixture, arena_cstr(fixture->tx->arena, page.records));
            for (size_t i = 0; i < json_object_array_length(found); i++, seen++)
                assert_true(json_object_equal(json_object_array_get_idx(found, i),
                                              json_object_array_get_idx(expected, seen)));
            json_object_put(found);
        } while (page.next_page_token.data);
        assert_int_equal(seen, RECORDS);
    }
    json_object_put(expected);
}

/* Under AddressSanitizer a value that nobody freed fails the test. */
static void an_arena_that_runs_full_loses_nothing(void **state)
{
    enum { STEP = 8 * 1024, CEILING_MAX = 1024 * 1024 };
    static const char text[] =
        "[{\"expectations\":{\"a\":[1,2],\"b\":\"x\"},\"tags\":{\"mlflow.user\":\"u\"}}]";
    struct store_fixture *fixture = *state;
    struct store_tx tight = *fixture->tx;
    struct sv dataset_id = create(fixture, "d");
    struct dataset_records_counts counts;
    assert_counts(fixture, dataset_id, text, 1, 0);
    volatile size_t escapes = 0;
    volatile bool done = false;
    for (volatile size_t ceiling = STEP; !done && ceiling < CEILING_MAX; ceiling += STEP) {
        struct json_object *volatile records = parse(fixture, text);
        struct json_object *values = json_object_object_get(json_object_array_get_idx(records, 0), "tags");
        for (int i = 0; i < 2000; i++) {
            struct sv key = arena_printf(fixture->tx->arena, "key-%d", i);
            json_object_object_add(values, key.data, json_object_new_int(i));
        }
        jmp_buf escape;
        tight.arena = arena_new(ceiling);
        if (setjmp(escape) == 0) {
            arena_set_escape(tight.arena, &escape);
            assert_int_equal(dataset_records_upsert(&tight, dataset_id, records, &counts), OK);
            done = true;
        } else {
            escapes++;
        }
        arena_free(tight.arena);
        json_object_put(records);
    }
    assert_true(done);
    assert_true(escapes > 3);
}

/* --- searching --- */

static void datasets_of_one_experiment_are_found_by_an_index(void **state)
{
    struct store_fixture *fixture = *state;
    assert_true(store_number(fixture, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = "
                                      "'evaluation_dataset_experiments_by_experiment'") == 1);
    const struct sv links[] = {SV("0"), SV("7"), SV("0")};
    struct sv dataset_id;
    assert_int_equal(evaluation_dataset_create(fixture->tx, SV("linked"), links, 3, NULL, &dataset_id), OK);
    create(fixture, "free");
    struct evaluation_dataset_search search = {
        .experiment_ids = &links[1], .experiment_count = 1, .max_results = 10};
    struct evaluation_dataset_page page;
    assert_int_equal(evaluation_dataset_search(fixture->tx, &search, &page), OK);
    assert_int_equal(page.count, 1);
    assert_true(sv_equal(page.dataset_ids[0], dataset_id));
    search.experiment_count = 0;
    assert_int_equal(evaluation_dataset_search(fixture->tx, &search, &page), OK);
    assert_int_equal(page.count, 2);
}

static int compare_texts(const void *a, const void *b)
{
    const struct sv *left = a;
    const struct sv *right = b;
    return -sv_compare(*left, *right);
}

static void ties_are_broken_by_the_id_from_page_to_page(void **state)
{
    enum { DATASETS = 7 };
    struct store_fixture *fixture = *state;
    struct sv expected[DATASETS];
    for (size_t i = 0; i < DATASETS; i++)
        expected[i] = create(fixture, "same");
    qsort(expected, DATASETS, sizeof(expected[0]), compare_texts);
    const struct sv order = SV("name");
    struct evaluation_dataset_search search = {
        .order_by = &order, .order_by_count = 1, .max_results = 2, .page_token = SV_ABSENT};
    size_t seen = 0;
    do {
        struct evaluation_dataset_page page;
        assert_int_equal(evaluation_dataset_search(fixture->tx, &search, &page), OK);
        for (size_t i = 0; i < page.count; i++, seen++)
            assert_true(sv_equal(page.dataset_ids[i], expected[seen]));
        search.page_token = page.next_page_token;
    } while (search.page_token.data);
    assert_int_equal(seen, DATASETS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(hashes_are_those_that_mlflow_gives_the_same_inputs),
        TEST(the_digest_is_that_of_the_name_and_the_time),
        TEST(an_upsert_moves_the_digest_and_links_do_not),
        TEST(a_record_is_found_again_by_its_inputs_alone),
        TEST(a_bad_record_names_its_place),
        TEST(times_of_records_are_those_of_their_calls),
        TEST(pages_of_every_size_hold_the_same_records),
        TEST(an_arena_that_runs_full_loses_nothing),
        TEST(datasets_of_one_experiment_are_found_by_an_index),
        TEST(ties_are_broken_by_the_id_from_page_to_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
