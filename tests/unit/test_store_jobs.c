#include "tests/unit/job_fixture.h"

#include <json-c/json.h>

#include "common/json/json_read.h"
#include "common/store/job_log.h"

/* --- Progress and log --- */

static void progress_is_kept_until_the_next_attempt(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    enum job_hold hold;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    assert_int_equal(job_progress(fixture->tx, &taken.lease, 0.25, SV("a"), SV("{\"s\":1}"), &hold), OK);
    assert_int_equal(job_progress(fixture->tx, &taken.lease, -1, SV("b"), SV_ABSENT, &hold), OK);
    struct job after = read_job(fixture, job.job_id);
    assert_true(after.progress == 0.25);
    assert_text(after.progress_message, "b");
    assert_text(after.status_details, "{\"s\":1}");
    assert_int_equal(job_progress(fixture->tx, &taken.lease, 7, SV_ABSENT, SV_ABSENT, &hold), OK);
    assert_true(read_job(fixture, job.job_id).progress == 1);
    finish_job(fixture, &taken, JOB_END_TRANSIENT, "E()");
    fixture->tx->now_ms += 60000;
    assert_true(take_job(fixture, &taken));
    assert_true(read_job(fixture, job.job_id).progress < 0);
}

static struct job_log_part read_log(struct store_fixture *fixture, struct sv job_id, int64_t offset,
                                    size_t max)
{
    struct job_log_part part = {0};
    assert_int_equal(job_log_read(fixture->tx, job_id, offset, max, &part), OK);
    return part;
}

static void append(struct store_fixture *fixture, const struct job_taken *taken, struct sv bytes,
                   int64_t limit)
{
    enum job_hold hold;
    assert_int_equal(job_log_append(fixture->tx, &taken->lease, bytes, limit, &hold), OK);
    assert_int_equal(hold, JOB_HELD);
}

static void a_log_is_read_from_where_one_was(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    append(fixture, &taken, SV("abc\0d\xff"), 100000);
    append(fixture, &taken, SV("efg"), 100000);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM job_logs"), 1);
    struct job_log_part part = read_log(fixture, job.job_id, 0, 0);
    assert_int_equal(part.bytes.len, 9);
    assert_memory_equal(part.bytes.data,
                        "abc\0d\xff"
                        "efg",
                        9);
    assert_false(part.complete);
    part = read_log(fixture, job.job_id, 6, 2);
    assert_text(part.bytes, "ef");
    assert_int_equal(part.end, 8);
    part = read_log(fixture, job.job_id, -1, 0);
    assert_text(part.bytes, "g");
    assert_int_equal(part.begin, 8);
    assert_int_equal(read_log(fixture, job.job_id, -1000, 0).begin, 0);
    finish_job(fixture, &taken, JOB_END_SUCCEEDED, "1");
    assert_true(read_log(fixture, job.job_id, 6, 0).complete);
    assert_false(read_log(fixture, job.job_id, 6, 2).complete);
    part = read_log(fixture, job.job_id, 1000, 0);
    assert_int_equal(part.bytes.len, 0);
    assert_int_equal(part.end, 9);
}

static void of_a_long_log_the_end_is_kept(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    for (int i = 0; i < 300; i++)
        append(fixture, &taken, arena_printf(fixture->tx->arena, "%0999d\n", i), 50000);
    int64_t stored = store_number(fixture, "SELECT sum(length(bytes)) FROM job_logs");
    assert_in_range(stored, 50000, 50000 + 2 * 16384);
    struct job_log_part part = read_log(fixture, job.job_id, 0, 0);
    assert_int_equal(part.size, 300000);
    assert_int_equal(part.end, 300000);
    assert_int_equal(part.begin, 300000 - stored);
    part = read_log(fixture, job.job_id, -4, 0);
    assert_text(part.bytes, "299\n");
}

/* --- Searching and removing --- */

static size_t count_found(struct store_fixture *fixture, const char *name, const char *params)
{
    struct job_filter filter = {.name = sv_from(name)};
    struct sv problem;
    const struct job *jobs;
    size_t count = 0;
    if (params)
        assert_int_equal(json_parse(fixture->tx->arena, sv_from(params), &filter.params, &problem), JSON_OK);
    assert_int_equal(job_search(fixture->tx, &filter, &jobs, &count), OK);
    json_object_put(filter.params);
    for (size_t i = 1; i < count; i++)
        assert_true(jobs[i - 1].creation_time < jobs[i].creation_time);
    return count;
}

static void jobs_are_found_by_name_and_by_equal_parameters(void **state)
{
    struct store_fixture *fixture = *state;
    make_job(fixture, "plain", "{\"a\":\"0\",\"b\":[1,{\"c\":null}]}");
    make_job(fixture, "plain", "{\"a\":0,\"b\":true}");
    make_job(fixture, "whole", "{\"a\":0.0}");
    assert_int_equal(count_found(fixture, NULL, NULL), 3);
    assert_int_equal(count_found(fixture, "plain", NULL), 2);
    assert_int_equal(count_found(fixture, "plai", NULL), 0);
    assert_int_equal(count_found(fixture, NULL, "{}"), 3);
    assert_int_equal(count_found(fixture, NULL, "{\"a\":0}"), 2);
    assert_int_equal(count_found(fixture, NULL, "{\"a\":\"0\"}"), 1);
    assert_int_equal(count_found(fixture, NULL, "{\"b\":[1.0,{\"c\":null}]}"), 1);
    assert_int_equal(count_found(fixture, NULL, "{\"b\":[1,{}]}"), 0);
    assert_int_equal(count_found(fixture, NULL, "{\"a\":0,\"b\":1}"), 1);
    assert_int_equal(count_found(fixture, NULL, "{\"x\":null}"), 0);
}

static void the_experiment_of_a_job_is_that_of_its_parameters(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv experiment_id;
    struct job text = make_job(fixture, "plain", "{\"experiment_id\":\"12\"}"),
               number = make_job(fixture, "plain", "{\"experiment_id\":12}"),
               none = make_job(fixture, "plain", "{\"experiment_id\":[12]}");
    assert_int_equal(job_experiment(fixture->tx, text.job_id, &experiment_id), OK);
    assert_text(experiment_id, "12");
    assert_int_equal(job_experiment(fixture->tx, number.job_id, &experiment_id), OK);
    assert_text(experiment_id, "12");
    assert_int_equal(job_experiment(fixture->tx, none.job_id, &experiment_id), OK);
    assert_null(experiment_id.data);
    assert_int_equal(count_found(fixture, NULL, NULL), 3);
    const struct job *jobs;
    size_t count;
    const struct job_filter filter = {.experiment_id = SV("12"), .newest = 1};
    assert_int_equal(job_search(fixture->tx, &filter, &jobs, &count), OK);
    assert_int_equal(count, 1);
    assert_text(jobs[0].job_id, number.job_id.data);
}

static bool removes(struct store_fixture *fixture, struct sv job_id, int64_t older_than)
{
    bool removed = false;
    assert_int_equal(job_remove(fixture->tx, job_id, older_than, &removed), OK);
    return removed;
}

static void only_what_has_ended_is_removed_and_its_log_with_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}"), after;
    const struct sv *ids;
    size_t count;
    assert_false(removes(fixture, job.job_id, 0));
    assert_true(take_job(fixture, &taken));
    append(fixture, &taken, SV("text"), 1000);
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_false(removes(fixture, job.job_id, 0));
    finish_job(fixture, &taken, JOB_END_SUCCEEDED, "1");
    assert_int_equal(job_removable(fixture->tx, job.creation_time, 10, &ids, &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(job_removable(fixture->tx, job.creation_time + 1, 10, &ids, &count), OK);
    assert_int_equal(count, 1);
    assert_false(removes(fixture, job.job_id, job.creation_time));
    assert_true(removes(fixture, job.job_id, job.creation_time + 1));
    assert_false(removes(fixture, job.job_id, 0));
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM job_logs"), 0);
}

static void workers_are_listed_with_what_they_run(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    const struct job_worker *workers;
    size_t count;
    make_job(fixture, "plain", "{}");
    assert_int_equal(job_worker_seen(fixture->tx, SV("w1"), SV("h"), false), OK);
    assert_true(take_job(fixture, &taken));
    fixture->tx->now_ms += 10;
    assert_int_equal(job_worker_seen(fixture->tx, SV("w2"), SV("g"), true), OK);
    assert_int_equal(job_workers(fixture->tx, &workers, &count), OK);
    assert_int_equal(count, 2);
    assert_text(workers[0].worker, "w2");
    assert_true(workers[0].remote);
    assert_text(workers[1].host, "h");
    assert_int_equal(workers[1].running, 1);
    assert_int_equal(job_worker_gone(fixture->tx, SV("w2")), OK);
    assert_int_equal(job_workers(fixture->tx, &workers, &count), OK);
    assert_int_equal(count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(progress_is_kept_until_the_next_attempt),
        TEST(a_log_is_read_from_where_one_was),
        TEST(of_a_long_log_the_end_is_kept),
        TEST(jobs_are_found_by_name_and_by_equal_parameters),
        TEST(the_experiment_of_a_job_is_that_of_its_parameters),
        TEST(only_what_has_ended_is_removed_and_its_log_with_it),
        TEST(workers_are_listed_with_what_they_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
