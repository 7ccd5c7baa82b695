#include "common/base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics_file.h"

#define FILE_NAME_MAX 128

/* The process's own. */
static struct {
    struct metrics_file *file;
    int fd;
    char directory[4096];
    char name[FILE_NAME_MAX];
} own = {.fd = -1};

static uint64_t hash_of(const char *name, struct sv labels)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211ULL;
    hash = (hash ^ '{') * 1099511628211ULL;
    for (size_t i = 0; i < labels.len; i++)
        hash = (hash ^ (unsigned char)labels.data[i]) * 1099511628211ULL;
    return hash;
}

static bool is_series(const struct metrics_series *series, const char *name, struct sv labels)
{
    return strcmp(series->name, name) == 0 && strlen(series->labels) == labels.len &&
           memcmp(series->labels, labels.data ? labels.data : "", labels.len) == 0;
}

struct metrics_series *metrics_series(struct metrics_file *file, const char *name, struct sv labels)
{
    size_t name_len = strlen(name);
    if (name_len > METRICS_NAME_MAX || labels.len > METRICS_LABELS_MAX)
        return NULL;
    uint64_t at = hash_of(name, labels);
    for (size_t probes = 0; probes < METRICS_SLOTS; probes++, at++) {
        struct metrics_series *series = &file->series[at % METRICS_SLOTS];
        uint32_t state = atomic_load_explicit(&series->state, memory_order_acquire);
        if (state == SERIES_FREE) {
            if (atomic_load(&file->used) >= METRICS_SERIES_MAX)
                return NULL;
            if (atomic_compare_exchange_strong(&series->state, &state, SERIES_BEGUN)) {
                atomic_fetch_add(&file->used, 1);
                memcpy(series->name, name, name_len);
                if (labels.len)
                    memcpy(series->labels, labels.data, labels.len);
                atomic_store_explicit(&series->state, SERIES_READY, memory_order_release);
                return series;
            }
        }
        /* Its maker writes a few bytes: it is ready in a moment, whichever it is. */
        while (atomic_load_explicit(&series->state, memory_order_acquire) == SERIES_BEGUN)
            ;
        if (is_series(series, name, labels))
            return series;
    }
    return NULL;
}

void metrics_series_add(struct metrics_series *series, double value)
{
    uint64_t before = atomic_load_explicit(&series->sum, memory_order_relaxed), after;
    do {
        double sum;
        memcpy(&sum, &before, sizeof(sum));
        sum += value;
        memcpy(&after, &sum, sizeof(after));
    } while (!atomic_compare_exchange_weak(&series->sum, &before, after));
}

void metrics_add(const char *name, struct sv labels, double value)
{
    struct metrics_series *series = own.file ? metrics_series(own.file, name, labels) : NULL;
    if (series)
        metrics_series_add(series, value);
}

void metrics_observe(const char *name, struct sv labels, double seconds)
{
    struct metrics_series *series = own.file ? metrics_series(own.file, name, labels) : NULL;
    if (!series)
        return;
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && seconds > metrics_bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    metrics_series_add(series, seconds);
}

bool metrics_are_kept(void)
{
    return own.file != NULL;
}

const char *metrics_directory(void)
{
    return own.file ? own.directory : NULL;
}

static bool make_directory(const char *path)
{
    char part[sizeof(own.directory)];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return false;
        part[i] = kept;
    }
    return true;
}

/* Absolute, for a daemon may change its directory. */
static bool set_directory(const char *directory)
{
    char *path = realpath(directory, NULL);
    bool fits = path && strlen(path) < sizeof(own.directory);
    if (fits)
        memcpy(own.directory, path, strlen(path) + 1);
    free(path);
    return fits;
}

static bool make_file(const char *program)
{
    int directory = open(own.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return false;
    static unsigned opened;
    snprintf(own.name, sizeof(own.name), "%.40s-%ld-%lld-%u%s", program, (long)getpid(),
             (long long)clock_now_ms(), opened++, METRICS_SUFFIX);
    own.fd = openat(directory, own.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (own.fd >= 0 && flock(own.fd, LOCK_EX | LOCK_NB) == 0) {
        metrics_take_over(directory, own.name);
        own.file = metrics_map(own.fd, true);
    }
    close(directory);
    return own.file != NULL;
}

bool metrics_open(const char *directory, const char *program)
{
    if (make_directory(directory) && set_directory(directory) && make_file(program))
        return true;
    log_error("metrics cannot be kept in %s: %s", directory, strerror(errno));
    metrics_close();
    return false;
}

void metrics_close(void)
{
    if (own.file)
        munmap(own.file, sizeof(struct metrics_file));
    own.file = NULL;
    if (own.fd >= 0)
        close(own.fd);
    own.fd = -1;
}
