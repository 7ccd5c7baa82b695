#include "cli/worker_webhooks.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/security/key_file.h"
#include "common/store/outbox.h"
#include "common/webhooks/send.h"

#define MAX_THREADS   100
#define STACK_BYTES   (512 * 1024)
#define MEMORY_LIMIT  (64UL * 1024 * 1024)
#define POLL_MS       500
#define TROUBLE_MS    5000
#define TIDY_EVERY_MS 60000
#define LEASE_MARGIN_MS \
    90000 /* beyond the time limits of the call: for the resolver, and for a busy database */
#define PER_WEBHOOK_DIVISOR 3 /* one webhook gets at most a third of the threads */
#define FINISH_ATTEMPTS     3

struct webhook_worker {
    struct webhook_worker_options options;
    struct webhook_worker_sums sums;
    pthread_t threads[MAX_THREADS];
    unsigned thread_count, max_threads, busy, idle;
    int64_t per_webhook;
    int64_t tidied_us; /* when; 0: not yet */
    bool scouting;     /* one thread looks for work, or waits for some; the others wait for it */
    bool stopping;
    int64_t cancel_us; /* once stopping: when calls are broken off */
    int ended;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* --- Looking for work --- */

enum found { FOUND, NOTHING, TROUBLE };

static void report(const struct error *error)
{
    log_error("webhooks: %.*s%s%.*s", SV_ARG(error->message), error->detail.len ? ": " : "",
              SV_ARG(error->detail));
}

static enum status end(struct store_tx *tx, enum status status)
{
    if (status == OK)
        return store_commit(tx);
    store_rollback(tx);
    return FAILED;
}

static enum status tidy(struct webhook_worker *worker, struct arena *arena, struct error *error)
{
    const struct settings *settings = worker->options.settings;
    bool more = true;
    while (more) {
        struct store_tx *tx = store_begin(worker->options.store, DB_WRITE, arena, error);
        if (!tx)
            return FAILED;
        int64_t expired = tx->now_ms - settings->webhook_delivery_max_age * 1000;
        int64_t forgotten = tx->now_ms - settings->webhook_delivery_history * 1000;
        if (end(tx, outbox_tidy(tx, expired, forgotten, &more)) != OK)
            return FAILED;
    }
    worker->tidied_us = clock_monotonic_us();
    return OK;
}

static enum status look(struct webhook_worker *worker, struct arena *arena, struct error *error, bool *due)
{
    struct store_tx *tx = store_begin(worker->options.store, DB_READ, arena, error);
    return tx ? end(tx, outbox_is_due(tx, worker->per_webhook, due)) : FAILED;
}

static enum status take(struct webhook_worker *worker, struct arena *arena, struct error *error,
                        struct outbox_delivery *delivery, bool *taken)
{
    int64_t lease_ms = 2 * worker->options.rules->timeout_ms + LEASE_MARGIN_MS;
    struct store_tx *tx = store_begin(worker->options.store, DB_WRITE, arena, error);
    return tx ? end(tx, outbox_take(tx, worker->per_webhook, lease_ms, delivery, taken)) : FAILED;
}

/* Most of the time a look is all that it takes, and a look disturbs nobody. */
static enum found scout(struct webhook_worker *worker, struct arena *arena, struct outbox_delivery *delivery)
{
    struct error error = {.code = ERROR_NONE};
    bool found = false;
    bool untidy = clock_monotonic_us() - worker->tidied_us >= TIDY_EVERY_MS * 1000L || !worker->tidied_us;
    if ((untidy && tidy(worker, arena, &error) != OK) || look(worker, arena, &error, &found) != OK ||
        (found && take(worker, arena, &error, delivery, &found) != OK)) {
        report(&error);
        return TROUBLE;
    }
    return found ? FOUND : NOTHING;
}

/* --- Delivering --- */

static bool is_cancelled(void *context)
{
    struct webhook_worker *worker = context;
    pthread_mutex_lock(&worker->mutex);
    bool cancelled = worker->stopping && clock_monotonic_us() >= worker->cancel_us;
    pthread_mutex_unlock(&worker->mutex);
    return cancelled;
}

/* False with a sentence in *problem. */
static bool decrypt(const struct webhook_worker *worker, struct arena *arena, struct sv *secret,
                    struct sv *problem)
{
    struct error error = {.code = ERROR_NONE};
    struct fernet_key key;
    if (!secret->data)
        return true;
    if (key_file_load(worker->options.settings->webhook_secret_encryption_key, worker->options.key_path,
                      arena, &error, &key) != OK) {
        report(&error);
        *problem = SV("The key of the secrets cannot be read.");
        return false;
    }
    *secret = fernet_decrypt(arena, &key, *secret);
    OPENSSL_cleanse(&key, sizeof(key));
    if (!secret->data)
        *problem = SV("The secret cannot be decrypted: the key has changed since it was set. Set it again.");
    return secret->data != NULL;
}

static void attempt(struct webhook_worker *worker, struct arena *arena,
                    const struct outbox_delivery *delivery, struct webhook_answer *answer)
{
    const struct webhook_message message = {
        .entity = delivery->entity,
        .action = delivery->action,
        .event_time_ms = delivery->event_time_ms,
        .data = delivery->data,
    };
    struct webhook_call call = {
        .url = delivery->url,
        .secret = delivery->secret,
        .delivery_id = delivery->delivery_id,
        .time_s = delivery->signed_time_s,
        .body = webhook_body(arena, &message),
        .timeout_ms = worker->options.rules->timeout_ms,
        .cancelled = is_cancelled,
        .context = worker,
    };
    *answer = (struct webhook_answer){.outcome = WEBHOOK_REFUSED, .retry_after_ms = -1};
    if (!decrypt(worker, arena, &call.secret, &answer->problem))
        return;
    webhook_send(worker->options.rules, arena, &call, answer);
    if (call.secret.data)
        OPENSSL_cleanse((char *)call.secret.data, call.secret.len);
}

static enum status finish_once(struct webhook_worker *worker, struct arena *arena, struct error *error,
                               const struct outbox_delivery *delivery, const struct outbox_result *result)
{
    struct store_tx *tx = store_begin(worker->options.store, DB_WRITE, arena, error);
    return tx ? end(tx, outbox_finish(tx, delivery, result)) : FAILED;
}

/* If it cannot be entered, the delivery is made again when the lease is over: at least once is promised. */
static void finish(struct webhook_worker *worker, struct arena *arena, const struct outbox_delivery *delivery,
                   const struct outbox_result *result)
{
    for (int i = 0; i < FINISH_ATTEMPTS; i++) {
        struct error error = {.code = ERROR_NONE};
        if (finish_once(worker, arena, &error, delivery, result) == OK)
            return;
        report(&error);
    }
}

static void tell(const struct outbox_delivery *delivery, const struct outbox_result *result, int64_t began_us)
{
    long long ms = (long long)(clock_monotonic_us() - began_us) / 1000;
    if (result->delivered)
        log_info("webhook=%.*s delivery=%.*s event=%s.%s attempt=%lld status=%lld ms=%lld",
                 SV_ARG(delivery->webhook_id), SV_ARG(delivery->delivery_id), delivery->entity,
                 delivery->action, (long long)delivery->attempt, (long long)result->http_status, ms);
    else
        log_warning("webhook=%.*s delivery=%.*s event=%s.%s attempt=%lld status=%lld ms=%lld %s: %.*s",
                    SV_ARG(delivery->webhook_id), SV_ARG(delivery->delivery_id), delivery->entity,
                    delivery->action, (long long)delivery->attempt, (long long)result->http_status, ms,
                    result->again ? "will be tried again" : "given up", SV_ARG(result->problem));
}

static struct outbox_result deliver(struct webhook_worker *worker, struct arena *arena,
                                    const struct outbox_delivery *delivery)
{
    struct webhook_answer answer;
    int64_t began_us = clock_monotonic_us();
    attempt(worker, arena, delivery, &answer);
    struct webhook_verdict verdict = webhook_judge(worker->options.rules, arena, &answer, delivery->attempt);
    const struct outbox_result result = {
        .delivered = verdict.delivered,
        .again = verdict.again,
        .delay_ms = verdict.delay_ms,
        .http_status = answer.status,
        .problem = verdict.problem,
    };
    finish(worker, arena, delivery, &result);
    tell(delivery, &result, began_us);
    return result;
}

/* --- Threads --- */

static void *work(void *context);

/* With the mutex. */
static bool start_thread(struct webhook_worker *worker)
{
    if (worker->thread_count == worker->max_threads)
        return false;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&worker->threads[worker->thread_count], &attributes, work, worker) == 0;
    pthread_attr_destroy(&attributes);
    worker->thread_count += started;
    return started;
}

static void wait_ms(struct webhook_worker *worker, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
}

static void end_worker(struct webhook_worker *worker)
{
    const uint64_t one = 1;
    worker->stopping = true;
    worker->cancel_us = INT64_MAX;
    pthread_cond_broadcast(&worker->changed);
    if (write(worker->ended, &one, sizeof(one)) != sizeof(one))
        abort();
}

/* Somebody else may look for work now. */
static void hand_over(struct webhook_worker *worker)
{
    worker->scouting = false;
    if (worker->idle)
        pthread_cond_broadcast(&worker->changed);
    else
        start_thread(worker);
}

static void count(struct webhook_worker_sums *sums, const struct outbox_result *result)
{
    sums->delivered += result->delivered;
    sums->postponed += !result->delivered && result->again;
    sums->given_up += !result->delivered && !result->again;
    metrics_add("tracklight_webhook_deliveries_total",
                result->delivered ? SV("result=\"delivered\"")
                : result->again   ? SV("result=\"again\"")
                                  : SV("result=\"given_up\""),
                1);
}

/* With the mutex, which is given back while the thread works. */
static void work_once(struct webhook_worker *worker, struct arena *arena)
{
    struct outbox_delivery delivery;
    worker->scouting = true;
    pthread_mutex_unlock(&worker->mutex);
    enum found found = scout(worker, arena, &delivery);
    pthread_mutex_lock(&worker->mutex);
    if (found == FOUND) {
        worker->busy++;
        hand_over(worker);
        pthread_mutex_unlock(&worker->mutex);
        struct outbox_result result = deliver(worker, arena, &delivery);
        pthread_mutex_lock(&worker->mutex);
        worker->busy--;
        count(&worker->sums, &result);
        pthread_cond_broadcast(&worker->changed);
        return;
    }
    worker->sums.trouble |= found == TROUBLE;
    if (worker->options.once && (found == TROUBLE || !worker->busy))
        end_worker(worker);
    else if (!worker->stopping)
        wait_ms(worker, found == TROUBLE ? TROUBLE_MS : POLL_MS);
    worker->scouting = false;
}

static void *work(void *context)
{
    struct webhook_worker *worker = context;
    struct arena *arena = arena_new(MEMORY_LIMIT);
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping) {
        if (worker->scouting) {
            worker->idle++;
            pthread_cond_wait(&worker->changed, &worker->mutex);
            worker->idle--;
        } else {
            work_once(worker, arena);
            arena_reset(arena);
        }
    }
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    arena_free(arena);
    return NULL;
}

struct webhook_worker *webhook_worker_start(const struct webhook_worker_options *options)
{
    struct webhook_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->options = *options;
    worker->max_threads = (unsigned)options->settings->webhook_delivery_max_workers;
    if (worker->max_threads > MAX_THREADS)
        worker->max_threads = MAX_THREADS;
    worker->per_webhook = (worker->max_threads + PER_WEBHOOK_DIVISOR - 1) / PER_WEBHOOK_DIVISOR;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&worker->mutex, NULL);
    worker->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_lock(&worker->mutex);
    bool started = worker->ended >= 0 && start_thread(worker);
    pthread_mutex_unlock(&worker->mutex);
    if (started)
        return worker;
    webhook_worker_join(worker);
    return NULL;
}

int webhook_worker_ended(const struct webhook_worker *worker)
{
    return worker->ended;
}

void webhook_worker_stop(struct webhook_worker *worker, int64_t grace_ms)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    worker->cancel_us = clock_monotonic_us() + grace_ms * 1000;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

struct webhook_worker_sums webhook_worker_join(struct webhook_worker *worker)
{
    /* A thread that is about to stop may still have started another. */
    for (unsigned i = 0;; i++) {
        pthread_mutex_lock(&worker->mutex);
        bool last = i == worker->thread_count;
        pthread_mutex_unlock(&worker->mutex);
        if (last)
            break;
        pthread_join(worker->threads[i], NULL);
    }
    struct webhook_worker_sums sums = worker->sums;
    if (worker->ended >= 0)
        close(worker->ended);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return sums;
}
