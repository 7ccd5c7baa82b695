#include "common/base/metrics_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/number.h"

const double metrics_bounds[METRICS_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                0.5,   0.75, 1,     2.5,  5,     7.5, 10};

struct metrics_file *metrics_map(int fd, bool make)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 ||
        (make && stat.st_size == 0 && ftruncate(fd, sizeof(struct metrics_file)) != 0))
        return NULL;
    if (!make && stat.st_size != sizeof(struct metrics_file))
        return NULL;
    struct metrics_file *file =
        mmap(NULL, sizeof(*file), make ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        return NULL;
    if (make && stat.st_size == 0)
        file->magic = METRICS_MAGIC;
    if (file->magic != METRICS_MAGIC) {
        munmap(file, sizeof(*file));
        return NULL;
    }
    return file;
}

void metrics_sum(struct metrics_file *to, struct metrics_file *from)
{
    for (size_t i = 0; i < METRICS_SLOTS; i++) {
        struct metrics_series *series = &from->series[i];
        if (atomic_load_explicit(&series->state, memory_order_acquire) != SERIES_READY ||
            series->name[METRICS_NAME_MAX] || series->labels[METRICS_LABELS_MAX])
            continue;
        struct metrics_series *sum = metrics_series(to, series->name, sv_from(series->labels));
        if (!sum)
            continue;
        uint64_t bits = atomic_load(&series->sum);
        double value;
        memcpy(&value, &bits, sizeof(value));
        metrics_series_add(sum, value);
        for (size_t bucket = 0; bucket <= METRICS_BUCKETS; bucket++)
            atomic_fetch_add(&sum->buckets[bucket], atomic_load(&series->buckets[bucket]));
    }
}

static bool is_ours(const char *name)
{
    return sv_ends_with(sv_from(name), SV(METRICS_SUFFIX));
}

/* The name goes first: a crash in between loses counts, and counts nothing twice. */
static void retire(int directory, const char *name, struct metrics_file *retired)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    struct metrics_file *file = flock(fd, LOCK_EX | LOCK_NB) == 0 ? metrics_map(fd, false) : NULL;
    if (file) {
        unlinkat(directory, name, 0);
        metrics_sum(retired, file);
        munmap(file, sizeof(*file));
    }
    close(fd);
}

static DIR *list(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (!names && fd >= 0)
        close(fd);
    return names;
}

/* The directory's own lock keeps those who add up from seeing a file twice, or not at all. */
void metrics_take_over(int directory, const char *own)
{
    if (flock(directory, LOCK_EX) != 0)
        return;
    int fd = openat(directory, METRICS_RETIRED, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct metrics_file *retired = fd < 0 ? NULL : metrics_map(fd, true);
    DIR *names = retired ? list(directory) : NULL;
    for (struct dirent *entry; names && (entry = readdir(names));) {
        if (is_ours(entry->d_name) && strcmp(entry->d_name, own) != 0 &&
            strcmp(entry->d_name, METRICS_RETIRED) != 0)
            retire(directory, entry->d_name, retired);
    }
    if (names)
        closedir(names);
    if (retired)
        munmap(retired, sizeof(*retired));
    if (fd >= 0)
        close(fd);
    flock(directory, LOCK_UN);
}

/* --- The text format --- */

static const struct {
    const char *name, *type, *help;
} described[] = {
#define METRIC(name, type, help) {#name, #type, help},
#include "common/base/metrics_names.h"
};

static void write_header(struct buffer *out, const char *name)
{
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        if (strcmp(described[i].name, name) == 0)
            buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, described[i].help, name,
                          described[i].type);
    }
}

static bool is_histogram(const char *name)
{
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        if (strcmp(described[i].name, name) == 0)
            return strcmp(described[i].type, "histogram") == 0;
    }
    return false;
}

static void write_value(struct buffer *out, const char *name, const char *suffix, const char *labels,
                        const char *more, double value)
{
    char text[DOUBLE_TEXT_MAX];
    size_t len = format_double(value, text);
    const char *comma = *labels && *more ? "," : "";
    if (*labels || *more)
        buffer_printf(out, "%s%s{%s%s%s} %.*s\n", name, suffix, labels, comma, more, (int)len, text);
    else
        buffer_printf(out, "%s%s %.*s\n", name, suffix, (int)len, text);
}

static void write_histogram(struct buffer *out, struct metrics_series *series, double sum)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        char bound[DOUBLE_TEXT_MAX] = "+Inf", label[DOUBLE_TEXT_MAX + 8];
        size_t len = i < METRICS_BUCKETS ? format_double(metrics_bounds[i], bound) : 4;
        count += atomic_load(&series->buckets[i]);
        snprintf(label, sizeof(label), "le=\"%.*s\"", (int)len, bound);
        write_value(out, series->name, "_bucket", series->labels, label, (double)count);
    }
    write_value(out, series->name, "_count", series->labels, "", (double)count);
    write_value(out, series->name, "_sum", series->labels, "", sum);
}

static int compare(const void *left, const void *right)
{
    const struct metrics_series *const *a = left, *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);
    return order ? order : strcmp((*a)->labels, (*b)->labels);
}

static void write_all(struct buffer *out, struct metrics_file *sums)
{
    struct metrics_series *sorted[METRICS_SLOTS] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < METRICS_SLOTS; i++) {
        if (atomic_load(&sums->series[i].state) == SERIES_READY)
            sorted[count++] = &sums->series[i];
    }
    qsort(sorted, count, sizeof(sorted[0]), compare);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = atomic_load(&sorted[i]->sum);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (i == 0 || strcmp(sorted[i]->name, sorted[i - 1]->name) != 0)
            write_header(out, sorted[i]->name);
        if (is_histogram(sorted[i]->name))
            write_histogram(out, sorted[i], value);
        else
            write_value(out, sorted[i]->name, "", sorted[i]->labels, "", value);
    }
}

static void add_file(int directory, const char *name, struct metrics_file *sums)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct metrics_file *file = fd < 0 ? NULL : metrics_map(fd, false);
    if (file) {
        metrics_sum(sums, file);
        munmap(file, sizeof(*file));
    }
    if (fd >= 0)
        close(fd);
}

bool metrics_write(struct buffer *out)
{
    const char *path = metrics_directory();
    if (!path)
        return true;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct metrics_file *sums = directory < 0 ? NULL : calloc(1, sizeof(*sums));
    DIR *names = sums && flock(directory, LOCK_SH) == 0 ? list(directory) : NULL;
    for (struct dirent *entry; names && (entry = readdir(names));) {
        if (is_ours(entry->d_name))
            add_file(directory, entry->d_name, sums);
    }
    if (names)
        write_all(out, sums);
    else
        log_error("the metrics in %s cannot be read: %s", path, strerror(errno));
    bool read = names != NULL;
    if (names)
        closedir(names);
    free(sums);
    if (directory >= 0)
        close(directory);
    return read;
}

void metrics_write_gauge(struct buffer *out, const char *name, struct sv labels, double value)
{
    write_header(out, name);
    metrics_write_gauge_more(out, name, labels, value);
}

void metrics_write_gauge_more(struct buffer *out, const char *name, struct sv labels, double value)
{
    char text[METRICS_LABELS_MAX + 1] = "";
    if (labels.len > METRICS_LABELS_MAX)
        return;
    if (labels.len)
        memcpy(text, labels.data, labels.len);
    text[labels.len] = '\0';
    write_value(out, name, "", text, "", value);
}
