#ifndef TRACKLIGHT_BASE_METRICS_FILE_H
#define TRACKLIGHT_BASE_METRICS_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/metrics.h"

/* The files behind metrics.h. A process holds a lock (flock(2)) on its own for as long as it lives. */

#define METRICS_SUFFIX  ".metrics"
#define METRICS_RETIRED "retired" METRICS_SUFFIX /* what ended processes counted */
#define METRICS_BUCKETS 14
#define METRICS_SLOTS   1024
#define METRICS_MAGIC   0x31304d4b4c525401ULL

/* Upper bounds in seconds; the bucket behind the last has none. */
extern const double metrics_bounds[METRICS_BUCKETS];

enum series_state { SERIES_FREE, SERIES_BEGUN, SERIES_READY };

struct metrics_series {
    _Atomic uint32_t state;
    char name[METRICS_NAME_MAX + 1];
    char labels[METRICS_LABELS_MAX + 1];
    _Atomic uint64_t sum; /* the bits of a double: a counter's value, a histogram's sum */
    _Atomic uint64_t buckets[METRICS_BUCKETS + 1];
};

/* A hash table with open addressing. */
struct metrics_file {
    uint64_t magic;
    _Atomic uint32_t used;
    struct metrics_series series[METRICS_SLOTS];
};

/* The series of that name, made if it is not there; NULL if there is no room. */
struct metrics_series *metrics_series(struct metrics_file *file, const char *name, struct sv labels);
void metrics_series_add(struct metrics_series *series, double value);

/* NULL if the file is none of ours or cannot be mapped. `make` sizes an empty one first. */
struct metrics_file *metrics_map(int fd, bool make);

/* Adds the series of one file to those of another. */
void metrics_sum(struct metrics_file *to, struct metrics_file *from);

/* Moves what ended processes counted into METRICS_RETIRED. `own` is the caller's own file, which stays. */
void metrics_take_over(int directory, const char *own);

/* Where the files are; NULL if nothing is kept. */
const char *metrics_directory(void);

#endif
