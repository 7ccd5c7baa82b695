#ifndef TRACKLIGHT_BASE_CLOCK_H
#define TRACKLIGHT_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_now_ms(void);

/* Microseconds of a clock that never jumps; for durations and deadlines. */
int64_t clock_monotonic_us(void);

#endif
