#include <string.h>

#include "tests/unit/store_fixture.h"

#include <json-c/json.h>

#include "common/json/json_read.h"
#include "common/store/job_log.h"

#define LEASE_MS 30000

static const char declarations[] = "[plain]\n"
                                   "command = /bin/true\n"
                                   "max_parallel = 2\n"
                                   "timeout = 90\n"
                                   "max_retries = 2\n"
                                   "retry_delay = 15\n"
                                   "retry_delay_max = 20\n"
                                   "[single]\n"
                                   "command = /bin/true\n"
                                   "max_parallel = 10\n"
                                   "exclusive = experiment_id\n"
                                   "param.experiment_id = string required\n"
                                   "[whole]\n"
                                   "command = /bin/true\n"
                                   "max_parallel = 10\n"
                                   "exclusive = true\n";

static struct job_types types_of(struct store_fixture *fixture)
{
    static const struct job_defaults defaults = {3, 15000, 60000};
    struct job_types types = {0};
    struct sv problem;
    assert_true(
        job_types_parse(&types, fixture->tx->arena, "test.conf", sv_from(declarations), &defaults, &problem));
    return types;
}

static struct job make(struct store_fixture *fixture, const char *name, const char *params)
{
    const struct job_new new = {.name = sv_from(name), .params = sv_from(params), .timeout = -1};
    struct job job = {0};
    assert_int_equal(job_create(fixture->tx, &new, &job), OK);
    fixture->tx->now_ms++;
    return job;
}

static bool take(struct store_fixture *fixture, struct job_taken *taken_job)
{
    struct job_types types = types_of(fixture);
    bool taken = false;
    assert_int_equal(job_take(fixture->tx, SV("w1"), LEASE_MS, &types, taken_job, &taken), OK);
    return taken;
}

static struct job read_back(struct store_fixture *fixture, struct sv job_id)
{
    struct job job = {0};
    assert_int_equal(job_get(fixture->tx, job_id, &job), OK);
    return job;
}

static enum job_status status_of(struct store_fixture *fixture, struct sv job_id)
{
    return read_back(fixture, job_id).status;
}

static enum job_hold finish(struct store_fixture *fixture, const struct job_taken *taken, enum job_end end,
                            const char *text)
{
    const struct job_ending ending = {.end = end, .text = sv_from(text), .type = taken->type};
    enum job_hold hold = JOB_HOLD_LOST;
    assert_int_equal(job_finish(fixture->tx, &taken->lease, &ending, &hold, NULL), OK);
    return hold;
}

static enum job_hold check(struct store_fixture *fixture, const struct job_taken *taken)
{
    enum job_hold hold = JOB_HELD;
    assert_int_equal(job_check(fixture->tx, &taken->lease, &hold), OK);
    return hold;
}

static int64_t next_due(struct store_fixture *fixture)
{
    struct job_types types = types_of(fixture);
    int64_t due = 0;
    assert_int_equal(jobs_next_due(fixture->tx, &types, &due), OK);
    return due;
}

static int64_t requeue_lost(struct store_fixture *fixture)
{
    int64_t count = -1;
    assert_int_equal(jobs_requeue_lost(fixture->tx, JOB_MAX_CRASHES, &count), OK);
    return count;
}

/* --- From submission to result --- */

static void a_new_job_waits_with_what_was_submitted(void **state)
{
    struct store_fixture *fixture = *state;
    const struct job_new new = {.name = SV("plain"), .params = SV("{\"a\":1}"), .timeout = 0.5};
    int64_t now = fixture->tx->now_ms;
    struct job job;
    assert_int_equal(job_create(fixture->tx, &new, &job), OK);
    assert_int_equal(job.job_id.len, 36);
    assert_text(job.name, "plain");
    assert_text(job.params, "{\"a\":1}");
    assert_true(job.timeout == 0.5);
    assert_int_equal(job.status, JOB_PENDING);
    assert_null(job.result.data);
    assert_int_equal(job.retry_count, 0);
    assert_int_equal(job.creation_time, now);
    assert_int_equal(job.last_update_time, now);
    assert_true(job.progress < 0);
}

static void jobs_of_a_type_are_taken_first_come_first_served_up_to_its_limit(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    assert_false(take(fixture, &taken));
    struct job one = make(fixture, "plain", "{}"), two = make(fixture, "plain", "{}"),
               three = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    assert_text(taken.job.job_id, one.job_id.data);
    assert_int_equal(taken.job.status, JOB_RUNNING);
    assert_text(taken.job.worker, "w1");
    assert_int_equal(taken.lease.attempt, 1);
    struct job_taken second;
    assert_true(take(fixture, &second));
    assert_text(second.job.job_id, two.job_id.data);
    assert_false(take(fixture, &second));
    assert_int_equal(next_due(fixture), taken.lease.until_ms);
    assert_int_equal(finish(fixture, &taken, JOB_END_SUCCEEDED, "null"), JOB_HELD);
    assert_true(next_due(fixture) <= fixture->tx->now_ms);
    assert_true(take(fixture, &second));
    assert_text(second.job.job_id, three.job_id.data);
}

static void a_type_without_room_stands_in_nobodys_way(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    for (int i = 0; i < 3; i++)
        make(fixture, "plain", "{}");
    struct job other = make(fixture, "whole", "{}");
    make(fixture, "unknown", "{}");
    assert_true(take(fixture, &taken));
    assert_true(take(fixture, &taken));
    assert_true(take(fixture, &taken));
    assert_text(taken.job.job_id, other.job_id.data);
    assert_false(take(fixture, &taken));
}

static void a_result_is_kept_as_json_and_an_error_as_text(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_SUCCEEDED, " {\"a\" : [1.0, \"\xc3\xa9\", NaN]} ");
    assert_text(read_back(fixture, job.job_id).result, "{\"a\":[1.0,\"\xc3\xa9\",\"NaN\"]}");
    assert_int_equal(status_of(fixture, job.job_id), JOB_SUCCEEDED);

    job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_FAILED, "ValueError(\"it's\")");
    assert_text(read_back(fixture, job.job_id).result, "ValueError(\"it's\")");
    assert_int_equal(status_of(fixture, job.job_id), JOB_FAILED);

    job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_TIMEOUT, NULL);
    assert_null(read_back(fixture, job.job_id).result.data);
    assert_int_equal(status_of(fixture, job.job_id), JOB_TIMED_OUT);
}

static void a_result_that_is_no_json_is_a_failure(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_SUCCEEDED, "hello");
    assert_int_equal(status_of(fixture, job.job_id), JOB_FAILED);
    assert_non_null(strstr(read_back(fixture, job.job_id).result.data, "not JSON"));
}

static void the_timeout_is_the_jobs_own_or_its_types(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    assert_int_equal(taken.timeout_ms, 90000);
    const struct job_new new = {.name = SV("plain"), .params = SV("{}"), .timeout = 0.25};
    struct job job;
    assert_int_equal(job_create(fixture->tx, &new, &job), OK);
    assert_true(take(fixture, &taken));
    assert_int_equal(taken.timeout_ms, 250);
}

/* --- Retries --- */

static void a_transient_error_is_retried_later_and_later_and_then_fails(void **state)
{
    struct store_fixture *fixture = *state;
    static const int64_t delays[] = {15000, 20000};
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}");
    for (int i = 0; i < 2; i++) {
        assert_true(take(fixture, &taken));
        assert_int_equal(taken.lease.attempt, i + 1);
        finish(fixture, &taken, JOB_END_TRANSIENT, "E()");
        struct job after = read_back(fixture, job.job_id);
        assert_int_equal(after.status, JOB_PENDING);
        assert_int_equal(after.retry_count, i + 1);
        assert_null(after.result.data);
        assert_int_equal(next_due(fixture), fixture->tx->now_ms + delays[i]);
        fixture->tx->now_ms += delays[i] - 1;
        assert_false(take(fixture, &taken));
        fixture->tx->now_ms++;
    }
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_TRANSIENT, "E()");
    struct job after = read_back(fixture, job.job_id);
    assert_int_equal(after.status, JOB_FAILED);
    assert_int_equal(after.retry_count, 2);
    assert_text(after.result, "E()");
}

/* --- Leases --- */

static void a_lease_that_ran_out_puts_the_job_back_without_a_retry(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken lost, again;
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &lost));
    assert_int_equal(requeue_lost(fixture), 0);
    fixture->tx->now_ms = lost.lease.until_ms;
    assert_int_equal(requeue_lost(fixture), 1);
    assert_int_equal(read_back(fixture, job.job_id).retry_count, 0);
    assert_true(take(fixture, &again));
    assert_text(again.job.job_id, job.job_id.data);
    assert_int_equal(again.lease.attempt, 2);
}

static void who_has_lost_the_lease_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken lost, again;
    struct job job = make(fixture, "plain", "{}");
    enum job_hold hold = JOB_HELD;
    assert_true(take(fixture, &lost));
    fixture->tx->now_ms = lost.lease.until_ms;
    requeue_lost(fixture);
    assert_int_equal(finish(fixture, &lost, JOB_END_SUCCEEDED, "1"), JOB_HOLD_LOST);
    assert_int_equal(status_of(fixture, job.job_id), JOB_PENDING);
    assert_true(take(fixture, &again));
    assert_int_equal(finish(fixture, &lost, JOB_END_SUCCEEDED, "1"), JOB_HOLD_LOST);
    assert_int_equal(job_heartbeat(fixture->tx, &lost.lease, LEASE_MS * 10, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_int_equal(job_log_append(fixture->tx, &lost.lease, SV("late"), 1000, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_int_equal(job_progress(fixture->tx, &lost.lease, 1, SV("late"), SV_ABSENT, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_null(read_back(fixture, job.job_id).progress_message.data);
    assert_int_equal(status_of(fixture, job.job_id), JOB_RUNNING);
    assert_int_equal(next_due(fixture), again.lease.until_ms);
    assert_int_equal(finish(fixture, &again, JOB_END_SUCCEEDED, "2"), JOB_HELD);
    assert_int_equal(finish(fixture, &again, JOB_END_FAILED, "twice"), JOB_HOLD_LOST);
    assert_text(read_back(fixture, job.job_id).result, "2");
}

static void a_heartbeat_extends_the_lease(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    enum job_hold hold = JOB_HOLD_LOST;
    make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    fixture->tx->now_ms = taken.lease.until_ms - 1;
    assert_int_equal(job_heartbeat(fixture->tx, &taken.lease, LEASE_MS, &hold), OK);
    assert_int_equal(hold, JOB_HELD);
    fixture->tx->now_ms += LEASE_MS - 1;
    assert_int_equal(requeue_lost(fixture), 0);
    fixture->tx->now_ms++;
    assert_int_equal(requeue_lost(fixture), 1);
}

static void a_job_that_loses_its_worker_again_and_again_fails(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}");
    for (int i = 0; i < JOB_MAX_CRASHES; i++) {
        assert_int_equal(status_of(fixture, job.job_id), JOB_PENDING);
        assert_true(take(fixture, &taken));
        fixture->tx->now_ms = taken.lease.until_ms;
        assert_int_equal(requeue_lost(fixture), 1);
    }
    assert_int_equal(status_of(fixture, job.job_id), JOB_FAILED);
    assert_non_null(strstr(read_back(fixture, job.job_id).result.data, "was lost, 3 times"));
}

static void a_worker_that_starts_puts_back_what_its_namesake_held(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_types types = types_of(fixture);
    struct job_taken mine, others;
    bool taken = false;
    int64_t count = 0;
    make(fixture, "plain", "{}");
    make(fixture, "plain", "{}");
    assert_true(take(fixture, &mine));
    assert_int_equal(job_take(fixture->tx, SV("w2"), LEASE_MS, &types, &others, &taken), OK);
    assert_true(taken);
    assert_int_equal(jobs_requeue_of_worker(fixture->tx, SV("w1"), JOB_MAX_CRASHES, &count), OK);
    assert_int_equal(count, 1);
    assert_int_equal(check(fixture, &mine), JOB_HOLD_LOST);
    assert_int_equal(check(fixture, &others), JOB_HELD);
}

static void a_job_that_is_returned_keeps_its_place_and_counts_as_not_begun(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job first = make(fixture, "plain", "{}");
    make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    fixture->tx->now_ms += 1000;
    assert_int_equal(finish(fixture, &taken, JOB_END_RETURNED, NULL), JOB_HELD);
    assert_true(take(fixture, &taken));
    assert_text(taken.job.job_id, first.job_id.data);
    assert_int_equal(taken.lease.attempt, 1);
}

/* --- Cancelling --- */

static void a_job_that_waits_is_cancelled_and_never_runs(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}"), after;
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_int_equal(after.last_update_time, fixture->tx->now_ms);
    assert_false(take(fixture, &taken));
}

static void what_ended_cannot_be_cancelled(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make(fixture, "plain", "{}"), after;
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_SUCCEEDED, "1");
    struct sv message = arena_printf(
        fixture->tx->arena, "The Job %s is already finalized with status: SUCCEEDED, it can't be updated.",
        job.job_id.data);
    assert_failed(fixture, job_cancel(fixture->tx, job.job_id, &after), WRONG_STATE, message.data);
    assert_int_equal(status_of(fixture, job.job_id), JOB_SUCCEEDED);
    assert_failed(fixture, job_cancel(fixture->tx, SV("nope"), &after), RESOURCE_DOES_NOT_EXIST,
                  "Job with ID nope not found");
}

static void a_job_that_runs_is_cancelled_at_once_but_holds_its_lock_until_it_has_ended(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    struct job job = make(fixture, "single", "{\"experiment_id\":\"1\"}"), after;
    assert_true(take(fixture, &taken));
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_int_equal(check(fixture, &taken), JOB_HOLD_CANCELED);
    struct job excluded = make(fixture, "single", "{\"experiment_id\":\"1\"}");
    assert_false(take(fixture, &next));
    assert_int_equal(status_of(fixture, excluded.job_id), JOB_CANCELED);
    assert_int_equal(finish(fixture, &taken, JOB_END_SUCCEEDED, "1"), JOB_HOLD_CANCELED);
    after = read_back(fixture, job.job_id);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_null(after.result.data);
    make(fixture, "single", "{\"experiment_id\":\"1\"}");
    assert_true(take(fixture, &next));
}

static void the_lock_of_a_cancelled_job_ends_with_its_lease(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    struct job job = make(fixture, "whole", "{}"), after;
    assert_true(take(fixture, &taken));
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    fixture->tx->now_ms = taken.lease.until_ms;
    assert_int_equal(requeue_lost(fixture), 1);
    assert_int_equal(status_of(fixture, job.job_id), JOB_CANCELED);
    make(fixture, "whole", "{}");
    assert_true(take(fixture, &next));
}

/* --- Locks --- */

static void of_jobs_that_exclude_each_other_the_second_is_cancelled(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make(fixture, "single", "{\"experiment_id\":\"1\",\"x\":1}");
    struct job same = make(fixture, "single", "{\"experiment_id\":\"1\",\"x\":2}"),
               other = make(fixture, "single", "{\"experiment_id\":\"2\",\"x\":1}");
    assert_true(take(fixture, &taken));
    assert_true(take(fixture, &next));
    assert_text(next.job.job_id, other.job_id.data);
    assert_int_equal(status_of(fixture, same.job_id), JOB_CANCELED);
    assert_null(read_back(fixture, same.job_id).result.data);
}

static void a_lock_on_all_parameters_ignores_their_order(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make(fixture, "whole", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
    struct job other = make(fixture, "whole", "{\"a\":1,\"b\":{\"c\":2,\"d\":4}}"),
               same = make(fixture, "whole", "{\"b\":{\"d\":3,\"c\":2},\"a\":1}");
    assert_true(take(fixture, &taken));
    assert_true(take(fixture, &next));
    assert_text(next.job.job_id, other.job_id.data);
    assert_false(take(fixture, &next));
    assert_int_equal(status_of(fixture, same.job_id), JOB_CANCELED);
}

static void a_lock_is_released_while_a_retry_waits(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make(fixture, "whole", "{}");
    struct job second = make(fixture, "whole", "{}");
    assert_true(take(fixture, &taken));
    finish(fixture, &taken, JOB_END_TRANSIENT, "E()");
    assert_true(take(fixture, &next));
    assert_text(next.job.job_id, second.job_id.data);
}

/* --- Progress and log --- */

static void progress_is_kept_until_the_next_attempt(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    enum job_hold hold;
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
    assert_int_equal(job_progress(fixture->tx, &taken.lease, 0.25, SV("a"), SV("{\"s\":1}"), &hold), OK);
    assert_int_equal(job_progress(fixture->tx, &taken.lease, -1, SV("b"), SV_ABSENT, &hold), OK);
    struct job after = read_back(fixture, job.job_id);
    assert_true(after.progress == 0.25);
    assert_text(after.progress_message, "b");
    assert_text(after.status_details, "{\"s\":1}");
    assert_int_equal(job_progress(fixture->tx, &taken.lease, 7, SV_ABSENT, SV_ABSENT, &hold), OK);
    assert_true(read_back(fixture, job.job_id).progress == 1);
    finish(fixture, &taken, JOB_END_TRANSIENT, "E()");
    fixture->tx->now_ms += 60000;
    assert_true(take(fixture, &taken));
    assert_true(read_back(fixture, job.job_id).progress < 0);
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
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
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
    finish(fixture, &taken, JOB_END_SUCCEEDED, "1");
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
    struct job job = make(fixture, "plain", "{}");
    assert_true(take(fixture, &taken));
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
    make(fixture, "plain", "{\"a\":\"0\",\"b\":[1,{\"c\":null}]}");
    make(fixture, "plain", "{\"a\":0,\"b\":true}");
    make(fixture, "whole", "{\"a\":0.0}");
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
    struct job text = make(fixture, "plain", "{\"experiment_id\":\"12\"}"),
               number = make(fixture, "plain", "{\"experiment_id\":12}"),
               none = make(fixture, "plain", "{\"experiment_id\":[12]}");
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
    struct job job = make(fixture, "plain", "{}"), after;
    const struct sv *ids;
    size_t count;
    assert_false(removes(fixture, job.job_id, 0));
    assert_true(take(fixture, &taken));
    append(fixture, &taken, SV("text"), 1000);
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_false(removes(fixture, job.job_id, 0));
    finish(fixture, &taken, JOB_END_SUCCEEDED, "1");
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
    make(fixture, "plain", "{}");
    assert_int_equal(job_worker_seen(fixture->tx, SV("w1"), SV("h"), false), OK);
    assert_true(take(fixture, &taken));
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
        TEST(a_new_job_waits_with_what_was_submitted),
        TEST(jobs_of_a_type_are_taken_first_come_first_served_up_to_its_limit),
        TEST(a_type_without_room_stands_in_nobodys_way),
        TEST(a_result_is_kept_as_json_and_an_error_as_text),
        TEST(a_result_that_is_no_json_is_a_failure),
        TEST(the_timeout_is_the_jobs_own_or_its_types),
        TEST(a_transient_error_is_retried_later_and_later_and_then_fails),
        TEST(a_lease_that_ran_out_puts_the_job_back_without_a_retry),
        TEST(who_has_lost_the_lease_changes_nothing),
        TEST(a_heartbeat_extends_the_lease),
        TEST(a_job_that_loses_its_worker_again_and_again_fails),
        TEST(a_worker_that_starts_puts_back_what_its_namesake_held),
        TEST(a_job_that_is_returned_keeps_its_place_and_counts_as_not_begun),
        TEST(a_job_that_waits_is_cancelled_and_never_runs),
        TEST(what_ended_cannot_be_cancelled),
        TEST(a_job_that_runs_is_cancelled_at_once_but_holds_its_lock_until_it_has_ended),
        TEST(the_lock_of_a_cancelled_job_ends_with_its_lease),
        TEST(of_jobs_that_exclude_each_other_the_second_is_cancelled),
        TEST(a_lock_on_all_parameters_ignores_their_order),
        TEST(a_lock_is_released_while_a_retry_waits),
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
