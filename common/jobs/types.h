#ifndef TRACKLIGHT_JOBS_TYPES_H
#define TRACKLIGHT_JOBS_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/config.h"

/* Which jobs there are and how each is run, as the administrator declares it in jobs.d: files *.conf in the
 * syntax of tracklight.conf, with a section "[name]" for each type of job. docs/jobs.md describes the keys.
 */

enum job_parameter_type {
    JOB_ANY,
    JOB_STRING,
    JOB_INTEGER,
    JOB_NUMBER,
    JOB_BOOLEAN,
    JOB_OBJECT,
    JOB_ARRAY,
};

struct job_parameter {
    struct sv name;
    enum job_parameter_type type;
    bool required;
};

enum job_exclusive {
    JOB_SHARED,           /* any number at a time, up to max_parallel */
    JOB_EXCLUSIVE,        /* one at a time of those with equal parameters */
    JOB_EXCLUSIVE_BY_KEY, /* one at a time of those whose named parameters are equal */
};

enum job_result_kind {
    JOB_RESULT_STDOUT, /* the result is the JSON value that the process prints */
    JOB_RESULT_FILE,   /* the process writes MLflow's result.json (its own entry point for Python jobs) */
};

/* A variable that a job's environment has: a fixed value, or (absent) the worker's own, if that has one. */
struct job_variable {
    struct sv name;
    struct sv value;
};

#define JOB_NO_LIMIT (-1)

struct job_type {
    struct sv name;
    bool enabled;    /* false: known, but submissions are refused */
    struct sv *argv; /* at least one; each is NUL-terminated. Never handed to a shell */
    size_t argc;
    struct job_parameter *parameters; /* in the order of the file */
    size_t parameter_count;
    int64_t max_parallel; /* at least 1; counted over all workers */
    int64_t timeout_ms;   /* of one attempt, for jobs that were submitted without; 0: none */
    enum job_exclusive exclusive;
    struct sv *exclusive_keys; /* of JOB_EXCLUSIVE_BY_KEY */
    size_t exclusive_key_count;
    int64_t max_retries; /* after transient errors */
    int64_t retry_delay_ms, retry_delay_max_ms;
    struct job_variable *environment; /* nothing else of the worker's environment reaches the job */
    size_t variable_count;
    struct sv user;      /* absent: the worker's. Names and paths are NUL-terminated */
    struct sv directory; /* working directory, absolute; absent: an empty one of its own, removed behind it */
    int64_t cpu_seconds, memory_bytes, open_files, processes; /* setrlimit; JOB_NO_LIMIT: as the worker */
    int64_t output_bytes; /* of a result; and of its log, what is kept: the end */
    enum job_result_kind result;
    struct sv function; /* of the Python entry point: mlflow.genai.scorers.job.invoke_scorer_job; or absent */
    struct sv *transient_errors; /* classes: requests.exceptions.ConnectionError */
    size_t transient_error_count;
    struct sv place; /* file:line of the section, for messages */
};

struct job_types {
    struct job_type *items; /* by name, ascending; names are unique */
    size_t count;
};

/* What a type has that says nothing else. */
struct job_defaults {
    int64_t max_retries, retry_delay_ms, retry_delay_max_ms;
};

#define JOB_NAME_MAX       200 /* bytes; of parameters, too */
#define JOB_TYPES_MAX      200
#define JOB_OUTPUT_DEFAULT (1024 * 1024)
#define JOB_OUTPUT_MAX     (16 * 1024 * 1024)
#define JOB_TIMEOUT_MAX_MS (INT64_C(366) * 86400 * 1000)
#define JOB_CONF_FILE_MAX  (64 * 1024) /* bytes of one file */
#define JOB_CONF_FILES_MAX 100

/* Reads all *.conf of a directory, in the order of their names. A directory that does not exist declares
 * nothing, if `optional`. Anything wrong fails: *problem is a sentence that names file and line. All texts
 * are in the arena. */
bool job_types_load(struct job_types *types, struct arena *arena, const char *directory, bool optional,
                    const struct job_defaults *defaults, struct sv *problem);

/* The same for the content of one file, added to `types`; `file` is for messages. */
bool job_types_parse(struct job_types *types, struct arena *arena, const char *file, struct sv content,
                     const struct job_defaults *defaults, struct sv *problem);

/* As the settings say: the directory jobs_dir, which must exist, else "jobs.d" beside the configuration file
 * (absent: in the working directory), which need not. */
bool job_types_from_settings(struct job_types *types, struct arena *arena, const struct settings *settings,
                             struct sv config_file, struct sv *problem);

/* NULL if there is none. */
const struct job_type *job_types_find(const struct job_types *types, struct sv name);

/* How long the retry with this number (1, 2, …) waits: retry_delay_ms doubled each time, up to
 * retry_delay_max_ms. */
int64_t job_retry_delay_ms(const struct job_type *type, int64_t retry);

#endif
