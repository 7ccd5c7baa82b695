#ifndef TRACKLIGHT_CLI_JOB_SOURCE_H
#define TRACKLIGHT_CLI_JOB_SOURCE_H

#include "common/base/config.h"
#include "common/store/job_log.h"
#include "common/store/job_queue.h"

/* Where a worker gets jobs from and tells what became of them: a database, or a server by HTTP. One thread
 * uses a source. */
struct job_source;

/* What a worker has to say about one of its jobs, and what it hears about it. */
struct job_news {
    const struct job_lease *lease;
    const struct job_type *type;
    struct sv log; /* absent: nothing new; at most JOB_LOG_APPEND_MAX */
    bool has_progress;
    double progress; /* as of job_progress */
    struct sv message, details;
    const struct job_ending *ending; /* NULL: it goes on, and its lease with it */
    bool entered;                    /* set if all of that has arrived */
    enum job_hold hold;              /* set with it. A cancelled job is held until it is told how it ended */
};

struct job_round {
    const struct job_types *types;
    struct job_news *news;
    size_t news_count;
    struct job_taken *taken; /* room for `wanted` */
    size_t wanted, taken_count;
    const struct sv *held; /* the leases of all jobs that run */
    size_t held_count;
    int64_t due_ms; /* set: when there may be more to take; INT64_MAX: not before a signal */
};

struct job_source_class {
    /* Exchanges all of that. Texts of what is taken are in the arena. False with an error if something was
     * not possible: what has not `entered` is to be told again. */
    bool (*round)(struct job_source *source, struct job_round *round, struct arena *arena,
                  struct error *error);
    /* When there may be something to take, without disturbing anybody. */
    bool (*look)(struct job_source *source, const struct job_types *types, struct arena *arena,
                 struct error *error, int64_t *due_ms);
    int (*wake_fd)(const struct job_source *source); /* readable when there is reason to look; -1: none */
    bool (*woken)(struct job_source *source);        /* takes that */
    void (*close)(struct job_source *source);
};

struct job_source {
    const struct job_source_class *class;
    struct sv worker; /* its name */
    struct sv host;
    int64_t lease_ms;
    int64_t look_every_ms; /* without being woken */
    int alive;             /* a descriptor that shows that the worker lives, or a job of its; -1: none */
};

/* The database's queue. `store` must outlive the source, and so must the texts; `database` is its file. NULL
 * if there is no memory. */
struct job_source *job_source_database(struct store *store, struct sv database,
                                       const struct settings *settings, struct arena *arena);

/* The queue of a server, "http[s]://host[:port]" without a slash at the end. Waits for one that cannot be
 * reached; NULL with an error for one that does not take the token. The texts must outlive the source. */
struct job_source *job_source_http(const char *server, struct sv token, const struct settings *settings,
                                   struct arena *arena, struct error *error);

#endif
