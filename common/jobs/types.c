#include "common/jobs/types.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_file.h"

#define DEFAULT_DIRECTORY "jobs.d"

const struct job_type *job_types_find(const struct job_types *types, struct sv name)
{
    size_t low = 0, high = types->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sv_compare(types->items[middle].name, name);
        if (order == 0)
            return &types->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int64_t job_retry_delay_ms(const struct job_type *type, int64_t retry)
{
    int64_t delay = type->retry_delay_ms;
    for (int64_t i = 1; i < retry && delay < type->retry_delay_max_ms && delay > 0; i++)
        delay *= 2;
    return delay < type->retry_delay_max_ms ? delay : type->retry_delay_max_ms;
}

/* --- The directory --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool fail_directory(struct arena *arena, const char *directory, const char *reason, struct sv *problem)
{
    *problem = arena_printf(arena, "The types of jobs in '%s' cannot be read: %s.", directory, reason);
    return false;
}

/* The *.conf that are no hidden files. */
static bool list_files(struct arena *arena, const char *directory, DIR *stream, const char **names,
                       size_t *count, struct sv *problem)
{
    struct dirent *entry;
    while ((entry = readdir(stream))) {
        struct sv name = sv_from(entry->d_name);
        if (name.data[0] == '.' || !sv_ends_with(name, SV(".conf")))
            continue;
        if (*count == JOB_CONF_FILES_MAX)
            return fail_directory(arena, directory, "there are too many files", problem);
        names[(*count)++] = arena_cstr(arena, name);
    }
    qsort(names, *count, sizeof(*names), by_name);
    return true;
}

bool job_types_load(struct job_types *types, struct arena *arena, const char *directory, bool optional,
                    const struct job_defaults *defaults, struct sv *problem)
{
    const char *names[JOB_CONF_FILES_MAX];
    size_t count = 0;
    DIR *stream = opendir(directory);
    if (!stream) {
        char text[128];
        return (optional && errno == ENOENT) ||
               fail_directory(arena, directory, strerror_r(errno, text, sizeof(text)), problem);
    }
    bool done = list_files(arena, directory, stream, names, &count, problem);
    closedir(stream);
    for (size_t i = 0; done && i < count; i++) {
        struct sv path = arena_printf(arena, "%s/%s", directory, names[i]), content;
        done = conf_read_file(arena, "file", path.data, JOB_CONF_FILE_MAX, &content, problem) &&
               job_types_parse(types, arena, path.data, content, defaults, problem);
    }
    return done;
}

bool job_types_from_settings(struct job_types *types, struct arena *arena, const struct settings *settings,
                             struct sv config_file, struct sv *problem)
{
    const struct job_defaults defaults = {
        .max_retries = settings->job_transient_error_max_retries,
        .retry_delay_ms = settings->job_transient_error_retry_base_delay * 1000,
        .retry_delay_max_ms = settings->job_transient_error_retry_max_delay * 1000,
    };
    *types = (struct job_types){0};
    if (settings->jobs_dir.len)
        return job_types_load(types, arena, settings->jobs_dir.data, false, &defaults, problem);
    const char *slash = config_file.data ? strrchr(config_file.data, '/') : NULL;
    size_t len = slash ? (size_t)(slash - config_file.data) + 1 : 0;
    struct sv path = arena_printf(arena, "%.*s" DEFAULT_DIRECTORY, (int)len, len ? config_file.data : "");
    return job_types_load(types, arena, path.data, true, &defaults, problem);
}
