#include <string.h>

#include "tests/unit/job_fixture.h"

#include "common/store/job_log.h"

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
    assert_false(take_job(fixture, &taken));
    struct job one = make_job(fixture, "plain", "{}"), two = make_job(fixture, "plain", "{}"),
               three = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    assert_text(taken.job.job_id, one.job_id.data);
    assert_int_equal(taken.job.status, JOB_RUNNING);
    assert_text(taken.job.worker, "w1");
    assert_int_equal(taken.lease.attempt, 1);
    struct job_taken second;
    assert_true(take_job(fixture, &second));
    assert_text(second.job.job_id, two.job_id.data);
    assert_false(take_job(fixture, &second));
    assert_int_equal(jobs_due(fixture), taken.lease.until_ms);
    assert_int_equal(finish_job(fixture, &taken, JOB_END_SUCCEEDED, "null"), JOB_HELD);
    assert_true(jobs_due(fixture) <= fixture->tx->now_ms);
    assert_true(take_job(fixture, &second));
    assert_text(second.job.job_id, three.job_id.data);
}

static void a_type_without_room_stands_in_nobodys_way(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    for (int i = 0; i < 3; i++)
        make_job(fixture, "plain", "{}");
    struct job other = make_job(fixture, "whole", "{}");
    make_job(fixture, "unknown", "{}");
    assert_true(take_job(fixture, &taken));
    assert_true(take_job(fixture, &taken));
    assert_true(take_job(fixture, &taken));
    assert_text(taken.job.job_id, other.job_id.data);
    assert_false(take_job(fixture, &taken));
}

static void a_result_is_kept_as_json_and_an_error_as_text(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_SUCCEEDED, " {\"a\" : [1.0, \"\xc3\xa9\", NaN]} ");
    assert_text(read_job(fixture, job.job_id).result, "{\"a\":[1.0,\"\xc3\xa9\",\"NaN\"]}");
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_SUCCEEDED);

    job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_FAILED, "ValueError(\"it's\")");
    assert_text(read_job(fixture, job.job_id).result, "ValueError(\"it's\")");
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_FAILED);

    job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_TIMEOUT, NULL);
    assert_null(read_job(fixture, job.job_id).result.data);
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_TIMED_OUT);
}

static void a_result_that_is_no_json_is_a_failure(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_SUCCEEDED, "hello");
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_FAILED);
    assert_non_null(strstr(read_job(fixture, job.job_id).result.data, "not JSON"));
}

static void the_timeout_is_the_jobs_own_or_its_types(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    assert_int_equal(taken.timeout_ms, 90000);
    const struct job_new new = {.name = SV("plain"), .params = SV("{}"), .timeout = 0.25};
    struct job job;
    assert_int_equal(job_create(fixture->tx, &new, &job), OK);
    assert_true(take_job(fixture, &taken));
    assert_int_equal(taken.timeout_ms, 250);
}

/* --- Retries --- */

static void a_transient_error_is_retried_later_and_later_and_then_fails(void **state)
{
    struct store_fixture *fixture = *state;
    static const int64_t delays[] = {15000, 20000};
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    for (int i = 0; i < 2; i++) {
        assert_true(take_job(fixture, &taken));
        assert_int_equal(taken.lease.attempt, i + 1);
        finish_job(fixture, &taken, JOB_END_TRANSIENT, "E()");
        struct job after = read_job(fixture, job.job_id);
        assert_int_equal(after.status, JOB_PENDING);
        assert_int_equal(after.retry_count, i + 1);
        assert_null(after.result.data);
        assert_int_equal(jobs_due(fixture), fixture->tx->now_ms + delays[i]);
        fixture->tx->now_ms += delays[i] - 1;
        assert_false(take_job(fixture, &taken));
        fixture->tx->now_ms++;
    }
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_TRANSIENT, "E()");
    struct job after = read_job(fixture, job.job_id);
    assert_int_equal(after.status, JOB_FAILED);
    assert_int_equal(after.retry_count, 2);
    assert_text(after.result, "E()");
}

/* --- Leases --- */

static void a_lease_that_ran_out_puts_the_job_back_without_a_retry(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken lost, again;
    struct job job = make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &lost));
    assert_int_equal(requeue_lost_jobs(fixture), 0);
    fixture->tx->now_ms = lost.lease.until_ms;
    assert_int_equal(requeue_lost_jobs(fixture), 1);
    assert_int_equal(read_job(fixture, job.job_id).retry_count, 0);
    assert_true(take_job(fixture, &again));
    assert_text(again.job.job_id, job.job_id.data);
    assert_int_equal(again.lease.attempt, 2);
}

static void who_has_lost_the_lease_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken lost, again;
    struct job job = make_job(fixture, "plain", "{}");
    enum job_hold hold = JOB_HELD;
    assert_true(take_job(fixture, &lost));
    fixture->tx->now_ms = lost.lease.until_ms;
    requeue_lost_jobs(fixture);
    assert_int_equal(finish_job(fixture, &lost, JOB_END_SUCCEEDED, "1"), JOB_HOLD_LOST);
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_PENDING);
    assert_true(take_job(fixture, &again));
    assert_int_equal(finish_job(fixture, &lost, JOB_END_SUCCEEDED, "1"), JOB_HOLD_LOST);
    assert_int_equal(job_heartbeat(fixture->tx, &lost.lease, LEASE_MS * 10, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_int_equal(job_log_append(fixture->tx, &lost.lease, SV("late"), 1000, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_int_equal(job_progress(fixture->tx, &lost.lease, 1, SV("late"), SV_ABSENT, &hold), OK);
    assert_int_equal(hold, JOB_HOLD_LOST);
    assert_null(read_job(fixture, job.job_id).progress_message.data);
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_RUNNING);
    assert_int_equal(jobs_due(fixture), again.lease.until_ms);
    assert_int_equal(finish_job(fixture, &again, JOB_END_SUCCEEDED, "2"), JOB_HELD);
    assert_int_equal(finish_job(fixture, &again, JOB_END_FAILED, "twice"), JOB_HOLD_LOST);
    assert_text(read_job(fixture, job.job_id).result, "2");
}

static void a_heartbeat_extends_the_lease(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    enum job_hold hold = JOB_HOLD_LOST;
    make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    fixture->tx->now_ms = taken.lease.until_ms - 1;
    assert_int_equal(job_heartbeat(fixture->tx, &taken.lease, LEASE_MS, &hold), OK);
    assert_int_equal(hold, JOB_HELD);
    fixture->tx->now_ms += LEASE_MS - 1;
    assert_int_equal(requeue_lost_jobs(fixture), 0);
    fixture->tx->now_ms++;
    assert_int_equal(requeue_lost_jobs(fixture), 1);
}

static void a_job_that_loses_its_worker_again_and_again_fails(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}");
    for (int i = 0; i < JOB_MAX_CRASHES; i++) {
        assert_int_equal(job_status_of(fixture, job.job_id), JOB_PENDING);
        assert_true(take_job(fixture, &taken));
        fixture->tx->now_ms = taken.lease.until_ms;
        assert_int_equal(requeue_lost_jobs(fixture), 1);
    }
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_FAILED);
    assert_non_null(strstr(read_job(fixture, job.job_id).result.data, "was lost, 3 times"));
}

static void a_worker_that_starts_puts_back_what_its_namesake_held(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_types types = job_test_types(fixture);
    struct job_taken mine, others;
    bool taken = false;
    int64_t count = 0;
    make_job(fixture, "plain", "{}");
    make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &mine));
    assert_int_equal(job_take(fixture->tx, SV("w2"), LEASE_MS, &types, &others, &taken), OK);
    assert_true(taken);
    assert_int_equal(jobs_requeue_of_worker(fixture->tx, SV("w1"), JOB_MAX_CRASHES, &count), OK);
    assert_int_equal(count, 1);
    assert_int_equal(check_job(fixture, &mine), JOB_HOLD_LOST);
    assert_int_equal(check_job(fixture, &others), JOB_HELD);
}

static void a_job_that_is_returned_keeps_its_place_and_counts_as_not_begun(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job first = make_job(fixture, "plain", "{}");
    make_job(fixture, "plain", "{}");
    assert_true(take_job(fixture, &taken));
    fixture->tx->now_ms += 1000;
    assert_int_equal(finish_job(fixture, &taken, JOB_END_RETURNED, NULL), JOB_HELD);
    assert_true(take_job(fixture, &taken));
    assert_text(taken.job.job_id, first.job_id.data);
    assert_int_equal(taken.lease.attempt, 1);
}

/* --- Cancelling --- */

static void a_job_that_waits_is_cancelled_and_never_runs(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}"), after;
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_int_equal(after.last_update_time, fixture->tx->now_ms);
    assert_false(take_job(fixture, &taken));
}

static void what_ended_cannot_be_cancelled(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken;
    struct job job = make_job(fixture, "plain", "{}"), after;
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_SUCCEEDED, "1");
    struct sv message = arena_printf(
        fixture->tx->arena, "The Job %s is already finalized with status: SUCCEEDED, it can't be updated.",
        job.job_id.data);
    assert_failed(fixture, job_cancel(fixture->tx, job.job_id, &after), WRONG_STATE, message.data);
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_SUCCEEDED);
    assert_failed(fixture, job_cancel(fixture->tx, SV("nope"), &after), RESOURCE_DOES_NOT_EXIST,
                  "Job with ID nope not found");
}

static void a_job_that_runs_is_cancelled_at_once_but_holds_its_lock_until_it_has_ended(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    struct job job = make_job(fixture, "single", "{\"experiment_id\":\"1\"}"), after;
    assert_true(take_job(fixture, &taken));
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_int_equal(check_job(fixture, &taken), JOB_HOLD_CANCELED);
    struct job excluded = make_job(fixture, "single", "{\"experiment_id\":\"1\"}");
    assert_false(take_job(fixture, &next));
    assert_int_equal(job_status_of(fixture, excluded.job_id), JOB_CANCELED);
    assert_int_equal(finish_job(fixture, &taken, JOB_END_SUCCEEDED, "1"), JOB_HOLD_CANCELED);
    after = read_job(fixture, job.job_id);
    assert_int_equal(after.status, JOB_CANCELED);
    assert_null(after.result.data);
    make_job(fixture, "single", "{\"experiment_id\":\"1\"}");
    assert_true(take_job(fixture, &next));
}

static void the_lock_of_a_cancelled_job_ends_with_its_lease(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    struct job job = make_job(fixture, "whole", "{}"), after;
    assert_true(take_job(fixture, &taken));
    assert_int_equal(job_cancel(fixture->tx, job.job_id, &after), OK);
    fixture->tx->now_ms = taken.lease.until_ms;
    assert_int_equal(requeue_lost_jobs(fixture), 1);
    assert_int_equal(job_status_of(fixture, job.job_id), JOB_CANCELED);
    make_job(fixture, "whole", "{}");
    assert_true(take_job(fixture, &next));
}

/* --- Locks --- */

static void of_jobs_that_exclude_each_other_the_second_is_cancelled(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make_job(fixture, "single", "{\"experiment_id\":\"1\",\"x\":1}");
    struct job same = make_job(fixture, "single", "{\"experiment_id\":\"1\",\"x\":2}"),
               other = make_job(fixture, "single", "{\"experiment_id\":\"2\",\"x\":1}");
    assert_true(take_job(fixture, &taken));
    assert_true(take_job(fixture, &next));
    assert_text(next.job.job_id, other.job_id.data);
    assert_int_equal(job_status_of(fixture, same.job_id), JOB_CANCELED);
    assert_null(read_job(fixture, same.job_id).result.data);
}

static void a_lock_on_all_parameters_ignores_their_order(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make_job(fixture, "whole", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
    struct job other = make_job(fixture, "whole", "{\"a\":1,\"b\":{\"c\":2,\"d\":4}}"),
               same = make_job(fixture, "whole", "{\"b\":{\"d\":3,\"c\":2},\"a\":1}");
    assert_true(take_job(fixture, &taken));
    assert_true(take_job(fixture, &next));
    assert_text(next.job.job_id, other.job_id.data);
    assert_false(take_job(fixture, &next));
    assert_int_equal(job_status_of(fixture, same.job_id), JOB_CANCELED);
}

static void a_lock_is_released_while_a_retry_waits(void **state)
{
    struct store_fixture *fixture = *state;
    struct job_taken taken, next;
    make_job(fixture, "whole", "{}");
    struct job second = make_job(fixture, "whole", "{}");
    assert_true(take_job(fixture, &taken));
    finish_job(fixture, &taken, JOB_END_TRANSIENT, "E()");
    assert_true(take_job(fixture, &next));
    assert_text(next.job.job_id, second.job_id.data);
}

static void workers_that_were_not_heard_of_for_a_day_are_forgotten(void **state)
{
    struct store_fixture *fixture = *state;
    const struct job_worker *workers;
    size_t count;
    assert_int_equal(job_worker_seen(fixture->tx, SV("old"), SV("a"), true), OK);
    fixture->tx->now_ms += 86400000;
    assert_int_equal(job_worker_seen(fixture->tx, SV("new"), SV("b"), true), OK);
    assert_int_equal(job_workers(fixture->tx, &workers, &count), OK);
    assert_int_equal(count, 2);
    fixture->tx->now_ms += 1;
    assert_int_equal(job_worker_seen(fixture->tx, SV("new"), SV("b"), true), OK);
    assert_int_equal(job_workers(fixture->tx, &workers, &count), OK);
    assert_int_equal(count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_that_were_not_heard_of_for_a_day_are_forgotten),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
