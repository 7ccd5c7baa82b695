#ifndef TRACKLIGHT_DB_TURNS_H
#define TRACKLIGHT_DB_TURNS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A fair semaphore: who waits longest is served first, and a turn is handed over directly, so that nobody can
 * overtake the line. */
struct turns {
    pthread_mutex_t mutex;
    unsigned free;
    struct turn_waiter *first, *last;
};

void turns_init(struct turns *turns, unsigned count);
void turns_destroy(struct turns *turns);

/* False if it did not come by `deadline_us` (clock_monotonic_us). */
bool turns_take(struct turns *turns, int64_t deadline_us);
void turns_give(struct turns *turns);

/* Hands the turn to whoever is next. False, and the turn stays with the caller, if nobody waits. */
bool turns_pass(struct turns *turns);

/* How many stand in line right now. */
unsigned turns_waiting(struct turns *turns);

#endif
