#include "tests/unit/job_fixture.h"

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

struct job_types job_test_types(struct store_fixture *fixture)
{
    static const struct job_defaults defaults = {3, 15000, 60000};
    struct job_types types = {0};
    struct sv problem;
    assert_true(
        job_types_parse(&types, fixture->tx->arena, "test.conf", sv_from(declarations), &defaults, &problem));
    return types;
}

struct job make_job(struct store_fixture *fixture, const char *name, const char *params)
{
    const struct job_new new = {.name = sv_from(name), .params = sv_from(params), .timeout = -1};
    struct job job = {0};
    assert_int_equal(job_create(fixture->tx, &new, &job), OK);
    fixture->tx->now_ms++;
    return job;
}

bool take_job(struct store_fixture *fixture, struct job_taken *taken_job)
{
    struct job_types types = job_test_types(fixture);
    bool taken = false;
    assert_int_equal(job_take(fixture->tx, SV("w1"), LEASE_MS, &types, taken_job, &taken), OK);
    return taken;
}

struct job read_job(struct store_fixture *fixture, struct sv job_id)
{
    struct job job = {0};
    assert_int_equal(job_get(fixture->tx, job_id, &job), OK);
    return job;
}

enum job_status job_status_of(struct store_fixture *fixture, struct sv job_id)
{
    return read_job(fixture, job_id).status;
}

enum job_hold finish_job(struct store_fixture *fixture, const struct job_taken *taken, enum job_end end,
                         const char *text)
{
    const struct job_ending ending = {.end = end, .text = sv_from(text), .type = taken->type};
    enum job_hold hold = JOB_HOLD_LOST;
    assert_int_equal(job_finish(fixture->tx, &taken->lease, &ending, &hold, NULL), OK);
    return hold;
}

enum job_hold check_job(struct store_fixture *fixture, const struct job_taken *taken)
{
    enum job_hold hold = JOB_HELD;
    assert_int_equal(job_check(fixture->tx, &taken->lease, &hold), OK);
    return hold;
}

int64_t jobs_due(struct store_fixture *fixture)
{
    struct job_types types = job_test_types(fixture);
    int64_t due = 0;
    assert_int_equal(jobs_next_due(fixture->tx, &types, &due), OK);
    return due;
}

int64_t requeue_lost_jobs(struct store_fixture *fixture)
{
    int64_t count = -1;
    assert_int_equal(jobs_requeue_lost(fixture->tx, JOB_MAX_CRASHES, &count), OK);
    return count;
}
