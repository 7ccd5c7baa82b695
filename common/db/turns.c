#include "common/db/turns.h"

#include <time.h>

/* On the waiting thread's stack; each has its own condition, so that a turn wakes one thread only. */
struct turn_waiter {
    struct turn_waiter *next, *previous;
    pthread_cond_t served_changed;
    bool served;
};

void turns_init(struct turns *turns, unsigned count)
{
    pthread_mutex_init(&turns->mutex, NULL);
    turns->free = count;
    turns->first = turns->last = NULL;
}

void turns_destroy(struct turns *turns)
{
    pthread_mutex_destroy(&turns->mutex);
}

static void enqueue(struct turns *turns, struct turn_waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = turns->last;
    if (turns->last)
        turns->last->next = waiter;
    else
        turns->first = waiter;
    turns->last = waiter;
}

static void dequeue(struct turns *turns, struct turn_waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        turns->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        turns->last = waiter->previous;
}

/* The mutex is held. The waiter's frame may be gone as soon as the mutex is free. */
static bool serve_first(struct turns *turns)
{
    struct turn_waiter *waiter = turns->first;
    if (!waiter)
        return false;
    dequeue(turns, waiter);
    waiter->served = true;
    pthread_cond_signal(&waiter->served_changed);
    return true;
}

static bool wait_in_line(struct turns *turns, int64_t deadline_us)
{
    struct turn_waiter waiter = {.served = false};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter.served_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);

    struct timespec deadline = {.tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000};
    enqueue(turns, &waiter);
    while (!waiter.served)
        if (pthread_cond_timedwait(&waiter.served_changed, &turns->mutex, &deadline) != 0)
            break;
    if (!waiter.served)
        dequeue(turns, &waiter);
    pthread_cond_destroy(&waiter.served_changed);
    return waiter.served;
}

bool turns_take(struct turns *turns, int64_t deadline_us)
{
    bool taken = true;
    pthread_mutex_lock(&turns->mutex);
    if (turns->free > 0)
        turns->free--;
    else
        taken = wait_in_line(turns, deadline_us);
    pthread_mutex_unlock(&turns->mutex);
    return taken;
}

void turns_give(struct turns *turns)
{
    pthread_mutex_lock(&turns->mutex);
    if (!serve_first(turns))
        turns->free++;
    pthread_mutex_unlock(&turns->mutex);
}

bool turns_pass(struct turns *turns)
{
    pthread_mutex_lock(&turns->mutex);
    bool passed = serve_first(turns);
    pthread_mutex_unlock(&turns->mutex);
    return passed;
}

unsigned turns_waiting(struct turns *turns)
{
    unsigned count = 0;
    pthread_mutex_lock(&turns->mutex);
    for (const struct turn_waiter *waiter = turns->first; waiter; waiter = waiter->next)
        count++;
    pthread_mutex_unlock(&turns->mutex);
    return count;
}
