#include "cli/worker_span_index.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/span_index.h"

#define STACK_BYTES  (512 * 1024)
#define MEMORY_LIMIT (256UL * 1024 * 1024)
#define IDLE_MS      1000
#define TROUBLE_MS   5000

/* While more than so many spans come in a second, steps are few, unless the index is so far behind that
 * searches suffer more than senders. */
#define BUSY_SPANS   2000
#define BUSY_MS      200
#define BEHIND_SPANS 100000

struct span_index_worker {
    struct store *store;
    bool once;
    struct span_index_worker_sums sums;
    pthread_t thread;
    bool stopping;
    int ended;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* The thread's own: how fast spans come. */
    int64_t counted, counted_us;
    bool busy;
};

enum outcome { STORED, OVERTAKEN, NOTHING, TROUBLE };

static enum status end(struct store_tx *tx, enum status status)
{
    if (status == OK)
        return store_commit(tx);
    store_rollback(tx);
    return FAILED;
}

static enum status look(struct span_index_worker *worker, struct arena *arena, struct error *error,
                        struct span_index_step *step)
{
    struct store_tx *tx = store_begin(worker->store, DB_READ, arena, error);
    return tx ? end(tx, span_index_read(tx, step)) : FAILED;
}

static enum status put(struct span_index_worker *worker, struct arena *arena, struct error *error,
                       const struct span_index_step *step, bool *stored)
{
    struct store_tx *tx = store_begin(worker->store, DB_WRITE, arena, error);
    return tx ? end(tx, span_index_write(tx, step, stored)) : FAILED;
}

static void watch_rate(struct span_index_worker *worker, int64_t newest)
{
    int64_t now_us = clock_monotonic_us();
    int64_t elapsed_us = now_us - worker->counted_us;
    if (worker->counted_us && elapsed_us < 1000000)
        return;
    worker->busy =
        worker->counted_us && (double)(newest - worker->counted) / ((double)elapsed_us / 1e6) > BUSY_SPANS;
    worker->counted = newest;
    worker->counted_us = now_us;
}

/* Gives how long to wait until the next step. */
static enum outcome take_step(struct span_index_worker *worker, struct arena *arena, int64_t *pause_ms)
{
    struct error error = {.code = ERROR_NONE};
    struct span_index_step step;
    bool stored = false;
    if (look(worker, arena, &error, &step) != OK ||
        (step.spans && put(worker, arena, &error, &step, &stored) != OK)) {
        log_error("index of spans: %.*s%s%.*s", SV_ARG(error.message), error.detail.len ? ": " : "",
                  SV_ARG(error.detail));
        *pause_ms = TROUBLE_MS;
        return TROUBLE;
    }
    watch_rate(worker, step.newest);
    bool gentle = worker->busy && step.newest - step.to < BEHIND_SPANS;
    *pause_ms = !stored ? IDLE_MS : gentle ? BUSY_MS : 0;
    if (stored)
        worker->sums.spans += (int64_t)step.spans;
    return !step.spans ? NOTHING : stored ? STORED : OVERTAKEN;
}

/* False once the worker is to stop. */
static bool pause_for(struct span_index_worker *worker, int64_t pause_ms)
{
    int64_t until_us = clock_monotonic_us() + pause_ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping && clock_monotonic_us() < until_us)
        pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
    bool goes_on = !worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    return goes_on;
}

static void *run(void *context)
{
    struct span_index_worker *worker = context;
    struct arena *arena = arena_new(MEMORY_LIMIT);
    int64_t pause_ms;
    for (;;) {
        enum outcome outcome = take_step(worker, arena, &pause_ms);
        arena_reset(arena);
        worker->sums.trouble = outcome == TROUBLE;
        if (worker->once && (outcome == NOTHING || outcome == TROUBLE))
            break;
        if (!pause_for(worker, worker->once && outcome == STORED ? 0 : pause_ms))
            break;
    }
    arena_free(arena);
    eventfd_write(worker->ended, 1);
    return NULL;
}

static bool start_thread(struct span_index_worker *worker)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&worker->thread, &attributes, run, worker) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

static void release(struct span_index_worker *worker)
{
    if (worker->ended >= 0)
        close(worker->ended);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

struct span_index_worker *span_index_worker_start(struct store *store, bool once)
{
    struct span_index_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->store = store;
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

int span_index_worker_ended(const struct span_index_worker *worker)
{
    return worker->ended;
}

void span_index_worker_stop(struct span_index_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

struct span_index_worker_sums span_index_worker_join(struct span_index_worker *worker)
{
    pthread_join(worker->thread, NULL);
    struct span_index_worker_sums sums = worker->sums;
    release(worker);
    return sums;
}
