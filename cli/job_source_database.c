#include <stdlib.h>
#include <unistd.h>

#include "cli/job_source.h"
#include "cli/job_worker_name.h"
#include "common/base/clock.h"
#include "common/base/job_signal.h"
#include "common/base/log.h"

#define LOOK_EVERY_MS      2000 /* for what no signal tells of: workers that died, leases that ran out */
#define SEEN_EVERY_US      5000000L
#define IDLE_SEEN_EVERY_US 60000000L /* a disk that has nothing to do is let sleep */

struct database_source {
    struct job_source base;
    struct store *store;
    struct sv database;
    struct job_signal *signal;
    int64_t max_crashes;
    int64_t seen_us; /* when the worker last said that it is there; 0: not yet */
};

static struct database_source *self_of(struct job_source *source)
{
    return (struct database_source *)source;
}

static enum status tell_log(struct store_tx *tx, struct job_news *news)
{
    news->hold = JOB_HELD;
    if (news->log.len == 0)
        return OK;
    return job_log_append(tx, news->lease, news->log, news->type->output_bytes, &news->hold);
}

static enum status tell(struct database_source *self, struct store_tx *tx, struct job_news *news)
{
    if (tell_log(tx, news) != OK)
        return FAILED;
    if (news->hold != JOB_HOLD_LOST && news->has_progress &&
        job_progress(tx, news->lease, news->progress, news->message, news->details, &news->hold) != OK)
        return FAILED;
    if (news->hold == JOB_HOLD_LOST)
        return OK;
    if (news->ending)
        return job_finish(tx, news->lease, news->ending, &news->hold, NULL);
    return job_heartbeat(tx, news->lease, self->base.lease_ms, &news->hold);
}

/* Workers of this machine that died have not given their jobs back. */
static enum status requeue_of_dead(struct database_source *self, struct store_tx *tx, int64_t *count)
{
    const struct job_worker *workers;
    size_t worker_count;
    if (job_workers(tx, &workers, &worker_count) != OK)
        return FAILED;
    for (size_t i = 0; i < worker_count; i++) {
        int64_t some = 0;
        if (workers[i].remote || sv_equal(workers[i].worker, self->base.worker) ||
            !job_worker_is_dead(tx->arena, workers[i].worker))
            continue;
        if (jobs_requeue_of_worker(tx, workers[i].worker, self->max_crashes, &some) != OK ||
            job_worker_gone(tx, workers[i].worker) != OK)
            return FAILED;
        *count += some;
    }
    return OK;
}

static enum status look_after_others(struct database_source *self, struct store_tx *tx, int64_t *requeued)
{
    int64_t lost = 0;
    if (job_worker_seen(tx, self->base.worker, self->base.host, false) != OK ||
        requeue_of_dead(self, tx, requeued) != OK || jobs_requeue_lost(tx, self->max_crashes, &lost) != OK)
        return FAILED;
    *requeued += lost;
    return OK;
}

static enum status take(struct database_source *self, struct store_tx *tx, struct job_round *round)
{
    bool taken = true;
    round->taken_count = 0;
    while (taken && round->taken_count < round->wanted) {
        if (job_take(tx, self->base.worker, self->base.lease_ms, round->types,
                     &round->taken[round->taken_count], &taken) != OK)
            return FAILED;
        round->taken_count += taken;
    }
    return jobs_next_due(tx, round->types, &round->due_ms);
}

static enum status all(struct database_source *self, struct store_tx *tx, struct job_round *round,
                       int64_t *changed)
{
    for (size_t i = 0; i < round->news_count; i++) {
        if (tell(self, tx, &round->news[i]) != OK)
            return FAILED;
        *changed += round->news[i].ending != NULL;
    }
    if (clock_monotonic_us() - self->seen_us >= SEEN_EVERY_US || !self->seen_us) {
        if (look_after_others(self, tx, changed) != OK)
            return FAILED;
        self->seen_us = clock_monotonic_us();
    }
    return take(self, tx, round);
}

static bool exchange(struct job_source *source, struct job_round *round, struct arena *arena,
                     struct error *error)
{
    struct database_source *self = self_of(source);
    int64_t changed = 0;
    struct store_tx *tx = store_begin(self->store, DB_WRITE, arena, error);
    enum status status = tx ? all(self, tx, round, &changed) : FAILED;
    if (tx && status != OK)
        store_rollback(tx);
    if (status != OK || store_commit(tx) != OK) {
        round->taken_count = 0;
        return false;
    }
    for (size_t i = 0; i < round->news_count; i++)
        round->news[i].entered = true;
    /* Others may wait for an end: jobs that exclude each other, and types with all places taken. */
    if (changed)
        job_signal_send(self->database);
    return true;
}

static bool find_dead(struct database_source *self, struct store_tx *tx, bool *dead)
{
    const struct job_worker *workers;
    size_t count;
    if (job_workers(tx, &workers, &count) != OK)
        return false;
    for (size_t i = 0; i < count && !*dead; i++)
        *dead = !workers[i].remote && !sv_equal(workers[i].worker, self->base.worker) &&
                job_worker_is_dead(tx->arena, workers[i].worker);
    return true;
}

static bool look(struct job_source *source, const struct job_types *types, struct arena *arena,
                 struct error *error, int64_t *due_ms)
{
    struct database_source *self = self_of(source);
    bool dead = false;
    struct store_tx *tx = store_begin(self->store, DB_READ, arena, error);
    if (!tx)
        return false;
    bool looked = find_dead(self, tx, &dead) && jobs_next_due(tx, types, due_ms) == OK;
    store_rollback(tx);
    if (dead || clock_monotonic_us() - self->seen_us >= IDLE_SEEN_EVERY_US) {
        self->seen_us = 0;
        *due_ms = 0;
    }
    return looked;
}

static int wake_fd(const struct job_source *source)
{
    const struct job_signal *signal = ((const struct database_source *)source)->signal;
    return signal ? job_signal_fd(signal) : -1;
}

static bool woken(struct job_source *source)
{
    struct job_signal *signal = self_of(source)->signal;
    return signal && job_signal_take(signal);
}

static void say_goodbye(struct database_source *self)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct error error = {.code = ERROR_NONE};
    struct store_tx *tx = store_begin(self->store, DB_WRITE, arena, &error);
    if (tx && job_worker_gone(tx, self->base.worker) == OK)
        store_commit(tx);
    else if (tx)
        store_rollback(tx);
    arena_free(arena);
}

static void close_source(struct job_source *source)
{
    struct database_source *self = self_of(source);
    say_goodbye(self);
    job_signal_close(self->signal);
    if (source->alive >= 0)
        close(source->alive);
    free(self);
}

struct job_source *job_source_database(struct store *store, struct sv database,
                                       const struct settings *settings, struct arena *arena)
{
    static const struct job_source_class class = {
        .round = exchange, .look = look, .wake_fd = wake_fd, .woken = woken, .close = close_source};
    struct database_source *self = calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->store = store;
    self->database = database;
    self->max_crashes = settings->jobs_max_crashes;
    self->base = (struct job_source){
        .class = &class,
        .host = job_worker_host(arena),
        .lease_ms = settings->jobs_lease * 1000,
        .look_every_ms = LOOK_EVERY_MS,
    };
    self->base.worker = job_worker_name_new(arena, self->base.host, &self->base.alive);
    self->signal = job_signal_open(database);
    if (!self->signal)
        log_warning("jobs: the worker cannot be woken, and looks for jobs every %d ms", LOOK_EVERY_MS);
    return &self->base;
}
