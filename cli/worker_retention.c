#include "cli/worker_retention.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/remover.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/timestamp.h"

#define STACK_BYTES  (512 * 1024)
#define MEMORY_LIMIT (256UL * 1024 * 1024)
#define INTERVAL_MS  600000
#define PAUSE_MS     50 /* between two slices of a few milliseconds */

struct retention_worker {
    struct store *store;
    const struct settings *settings;
    struct retention_rules rules;
    bool once;
    struct retention_worker_sums sums;
    struct remover remover;
    pthread_t thread;
    bool stopping;
    int ended;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* --- Rules --- */

static bool read_rule(const char *name, struct sv text, struct arena *arena, int64_t *ms, struct sv *problem)
{
    *ms = 0;
    if (text.len == 0 || sv_equal(text, SV("0")) || age_parse(text, ms))
        return true;
    *problem = arena_printf(arena, "%s must be a time such as 30d or 12h, or 0, not '%.*s'.", name,
                            SV_ARG(sv_first(text, 100)));
    return false;
}

bool retention_rules_from(const struct settings *settings, struct arena *arena, struct retention_rules *rules,
                          struct sv *problem)
{
    return read_rule("retention_deleted_runs", settings->retention_deleted_runs, arena,
                     &rules->deleted_runs_ms, problem) &&
           read_rule("retention_traces", settings->retention_traces, arena, &rules->traces_ms, problem);
}

/* --- For the remover --- */

static bool is_stopping(void *context)
{
    struct retention_worker *worker = context;
    pthread_mutex_lock(&worker->mutex);
    bool stopping = worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    return stopping;
}

static void warn(void *context, struct sv line)
{
    struct retention_worker *worker = context;
    worker->sums.trouble = true;
    log_warning("retention: %.*s", SV_ARG(line));
}

static void removed(void *context, const struct removal *item)
{
    struct retention_worker *worker = context;
    worker->sums.runs++;
    metrics_add("tracklight_removed_total", SV("what=\"runs\""), 1);
    log_info("retention: run %.*s is removed", SV_ARG(item->public_id));
}

/* --- Rounds --- */

static bool remove_runs(struct retention_worker *worker)
{
    int64_t failures = 0;
    worker->remover.before_ms = clock_now_ms() - worker->rules.deleted_runs_ms;
    return worker->rules.deleted_runs_ms == 0 ||
           remover_remove_all(&worker->remover, REMOVAL_RUN, &failures) != REMOVER_BROKEN;
}

/* What the tag of an experiment says; 0: for ever. Traces that are removed by a slip of the pen would be
 * gone, so a tag that makes no sense keeps them. */
static int64_t age_of_traces(struct retention_worker *worker, const struct removal_traces *row)
{
    int64_t ms = 0;
    if (!row->retention.data)
        return worker->rules.traces_ms;
    if (!sv_equal(row->retention, SV("0")) && !age_parse(row->retention, &ms))
        log_warning("retention: the traces of experiment %lld are kept: its tag " REMOVAL_TAG_TRACES
                    " is no time such as 30d",
                    (long long)row->experiment);
    return ms;
}

static bool remove_traces_of(struct retention_worker *worker, const struct removal_traces *row)
{
    int64_t age_ms = age_of_traces(worker, row), count = 0;
    if (age_ms == 0)
        return true;
    enum remover_result result =
        remover_old_traces(&worker->remover, row->experiment, clock_now_ms() - age_ms, &count);
    worker->sums.traces += count;
    metrics_add("tracklight_removed_total", SV("what=\"traces\""), (double)count);
    if (count)
        log_info("retention: %lld traces of experiment %lld are removed", (long long)count,
                 (long long)row->experiment);
    return result != REMOVER_BROKEN;
}

static bool remove_traces(struct retention_worker *worker)
{
    struct error error = {.code = ERROR_NONE};
    const struct removal_traces *rows;
    size_t count;
    if (worker->rules.traces_ms == 0)
        return true;
    struct store_tx *tx = store_begin(worker->store, DB_READ, worker->remover.arena, &error);
    enum status status = tx ? removal_trace_experiments(tx, &rows, &count) : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK) {
        warn(worker, error.detail.len ? error.detail : error.message);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct arena_mark mark = arena_mark(worker->remover.arena);
        if (!remove_traces_of(worker, &rows[i]))
            return false;
        arena_rewind(worker->remover.arena, mark);
    }
    return true;
}

/* False once the worker is to stop. */
static bool wait_for_next(struct retention_worker *worker)
{
    int64_t until_us = clock_monotonic_us() + INTERVAL_MS * 1000LL;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping && clock_monotonic_us() < until_us)
        pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
    bool goes_on = !worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    return goes_on;
}

static void work(struct retention_worker *worker)
{
    do {
        worker->sums.trouble = false;
        if (remove_runs(worker))
            remove_traces(worker);
        arena_reset(worker->remover.arena);
    } while (!worker->once && wait_for_next(worker));
}

static void *run(void *context)
{
    struct retention_worker *worker = context;
    struct arena *arena = arena_new(MEMORY_LIMIT), *settings = arena_new(MEMORY_LIMIT);
    worker->remover = (struct remover){
        .store = worker->store,
        .pause_ms = worker->once ? 0 : PAUSE_MS,
        .arena = arena,
        .warn = warn,
        .removed = removed,
        .stopping = is_stopping,
        .context = worker,
    };
    if (remover_configure(&worker->remover, worker->settings, settings))
        work(worker);
    else
        warn(worker, SV("the working directory cannot be found out"));
    arena_free(settings);
    arena_free(arena);
    eventfd_write(worker->ended, 1);
    return NULL;
}

/* --- Thread --- */

static bool start_thread(struct retention_worker *worker)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&worker->thread, &attributes, run, worker) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

static void release(struct retention_worker *worker)
{
    if (worker->ended >= 0)
        close(worker->ended);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

struct retention_worker *retention_worker_start(struct store *store, const struct settings *settings,
                                                const struct retention_rules *rules, bool once)
{
    struct retention_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->store = store;
    worker->settings = settings;
    worker->rules = *rules;
    worker->once = once;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&worker->mutex, NULL);
    worker->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->ended >= 0 && start_thread(worker))
        return worker;
    release(worker);
    return NULL;
}

int retention_worker_ended(const struct retention_worker *worker)
{
    return worker->ended;
}

void retention_worker_stop(struct retention_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

struct retention_worker_sums retention_worker_join(struct retention_worker *worker)
{
    pthread_join(worker->thread, NULL);
    struct retention_worker_sums sums = worker->sums;
    release(worker);
    return sums;
}
