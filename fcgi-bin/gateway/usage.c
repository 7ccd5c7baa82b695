#include "fcgi-bin/gateway/usage.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/metrics.h"

#define QUEUE_ROWS    8192
#define BATCH_ROWS    1000
#define PAUSE_MS      200 /* between two transactions */
#define STACK_BYTES   (256 * 1024)
#define MEMORY_LIMIT  (16UL * 1024 * 1024)
#define GIVE_UP_AFTER 5 /* transactions that failed, one behind the other, at the end */

/* A row with the texts that it points to. */
struct item {
    struct gateway_usage_row row;
    char texts[];
};

struct usage {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item *queue[QUEUE_ROWS]; /* a ring */
    size_t first, count;
    bool sleeping; /* the thread waits for a first row */
    bool stopping;
};

static size_t copy_text(char *texts, size_t at, struct sv *text)
{
    if (!text->data)
        return at;
    if (text->len)
        memcpy(texts + at, text->data, text->len);
    text->data = texts + at;
    return at + text->len;
}

static struct item *copy_row(const struct gateway_usage_row *row)
{
    size_t len = row->endpoint_id.len + row->endpoint_name.len + row->provider.len + row->model.len;
    struct item *item = malloc(sizeof(struct item) + len);
    if (!item)
        return NULL;
    item->row = *row;
    size_t at = copy_text(item->texts, 0, &item->row.endpoint_id);
    at = copy_text(item->texts, at, &item->row.endpoint_name);
    at = copy_text(item->texts, at, &item->row.provider);
    copy_text(item->texts, at, &item->row.model);
    return item;
}

void usage_add(struct usage *usage, const struct gateway_usage_row *row)
{
    struct item *item = copy_row(row);
    bool wake = false;
    pthread_mutex_lock(&usage->lock);
    if (item && usage->count < QUEUE_ROWS) {
        usage->queue[(usage->first + usage->count) % QUEUE_ROWS] = item;
        usage->count++;
        wake = usage->sleeping;
        usage->sleeping = false;
        item = NULL;
    } else {
        metrics_add("tracklight_gateway_usage_dropped_total", SV_ABSENT, 1);
    }
    pthread_mutex_unlock(&usage->lock);
    if (wake)
        pthread_cond_signal(&usage->changed);
    free(item);
}

static size_t take(struct usage *usage, struct item **items)
{
    size_t count = usage->count < BATCH_ROWS ? usage->count : BATCH_ROWS;
    for (size_t i = 0; i < count; i++)
        items[i] = usage->queue[(usage->first + i) % QUEUE_ROWS];
    return count;
}

static void forget(struct usage *usage, struct item **items, size_t count)
{
    pthread_mutex_lock(&usage->lock);
    usage->first = (usage->first + count) % QUEUE_ROWS;
    usage->count -= count;
    pthread_mutex_unlock(&usage->lock);
    for (size_t i = 0; i < count; i++)
        free(items[i]);
}

static bool write_rows(struct usage *usage, struct arena *arena, struct item *const *items, size_t count)
{
    struct error error = {.code = ERROR_NONE};
    struct gateway_usage_row *rows = ARENA_ARRAY(arena, struct gateway_usage_row, count);
    for (size_t i = 0; i < count; i++)
        rows[i] = items[i]->row;
    struct store_tx *tx = store_begin(usage->store, DB_WRITE, arena, &error);
    bool written = false;
    if (tx) {
        if (gateway_usage_add(tx, rows, count) == OK)
            written = store_commit(tx) == OK;
        else
            store_rollback(tx);
    }
    if (!written)
        log_error("usage of %zu calls is not recorded yet: %.*s", count,
                  SV_ARG(error.detail.len ? error.detail : error.message));
    return written;
}

/* Lets more rows gather. */
static void pause_writing(struct usage *usage)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PAUSE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (!usage->stopping && pthread_cond_timedwait(&usage->changed, &usage->lock, &until) == 0)
        ;
}

static void *write_queue(void *context)
{
    struct usage *usage = context;
    struct arena *arena = arena_new(MEMORY_LIMIT);
    struct item *items[BATCH_ROWS];
    int failures = 0;
    pthread_mutex_lock(&usage->lock);
    for (;;) {
        while (!usage->count && !usage->stopping) {
            usage->sleeping = true;
            pthread_cond_wait(&usage->changed, &usage->lock);
        }
        usage->sleeping = false;
        if (!usage->count || (usage->stopping && failures >= GIVE_UP_AFTER))
            break;
        size_t count = take(usage, items);
        pthread_mutex_unlock(&usage->lock);
        bool written = write_rows(usage, arena, items, count);
        arena_reset(arena);
        failures = written ? 0 : failures + 1;
        if (written)
            forget(usage, items, count);
        pthread_mutex_lock(&usage->lock);
        pause_writing(usage);
    }
    if (usage->count)
        log_error("usage of %zu calls is lost", usage->count);
    pthread_mutex_unlock(&usage->lock);
    arena_free(arena);
    return NULL;
}

struct usage *usage_start(struct store *store)
{
    struct usage *usage = calloc(1, sizeof(*usage));
    if (!usage)
        return NULL;
    usage->store = store;
    pthread_mutex_init(&usage->lock, NULL);
    pthread_cond_init(&usage->changed, NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&usage->thread, &attributes, write_queue, usage);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!failed)
        return usage;
    free(usage);
    return NULL;
}

void usage_stop(struct usage *usage)
{
    if (!usage)
        return;
    pthread_mutex_lock(&usage->lock);
    usage->stopping = true;
    pthread_cond_signal(&usage->changed);
    pthread_mutex_unlock(&usage->lock);
    pthread_join(usage->thread, NULL);
    for (size_t i = 0; i < usage->count; i++)
        free(usage->queue[(usage->first + i) % QUEUE_ROWS]);
    pthread_cond_destroy(&usage->changed);
    pthread_mutex_destroy(&usage->lock);
    free(usage);
}
