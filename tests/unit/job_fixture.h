#ifndef TRACKLIGHT_TESTS_JOB_FIXTURE_H
#define TRACKLIGHT_TESTS_JOB_FIXTURE_H

#include "tests/unit/store_fixture.h"

#include "common/store/job_queue.h"

/* Jobs in a store: types "plain" (two at a time, two retries), "single" (exclusive by experiment_id) and
 * "whole" (exclusive by all parameters), and a worker "w1" that takes them. All assert that they succeed. */

#define LEASE_MS 30000

struct job_types job_test_types(struct store_fixture *fixture);
struct job make_job(struct store_fixture *fixture, const char *name, const char *params);
bool take_job(struct store_fixture *fixture, struct job_taken *taken_job);
struct job read_job(struct store_fixture *fixture, struct sv job_id);
enum job_status job_status_of(struct store_fixture *fixture, struct sv job_id);
enum job_hold finish_job(struct store_fixture *fixture, const struct job_taken *taken, enum job_end end,
                         const char *text);
enum job_hold check_job(struct store_fixture *fixture, const struct job_taken *taken);
int64_t jobs_due(struct store_fixture *fixture);
int64_t requeue_lost_jobs(struct store_fixture *fixture);

#endif
