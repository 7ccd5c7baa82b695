#ifndef TRACKLIGHT_CLI_JOB_RUN_H
#define TRACKLIGHT_CLI_JOB_RUN_H

#include "cli/job_output.h"
#include "cli/job_process.h"
#include "cli/job_source.h"

/* One attempt at a job, from the lease to what came of it. */
struct job_run {
    struct arena *arena; /* its own: all texts are in it */
    struct job_lease lease;
    struct job_taken taken;
    struct job_process process;
    struct job_output output;
    struct job_exit exit;
    struct job_ending ending;
    enum job_hold hold;
    const char *folder, *group; /* its temporary folder, its cgroup */
    bool running;               /* has processes, as far as is known */
    bool ended;                 /* `ending` says how */
    bool told;                  /* and the source knows, or does not want to; or the lease is lost */
    bool gone;                  /* the supervisor, too */
    bool stopped;               /* by the worker's own end */
    int64_t began_us, asked_us; /* when it was; asked_us: of the last exchange with the source */
    int64_t beat_us, lease_end_us, log_us, progress_us; /* when each is due */
};

/* What all jobs of a worker share. */
struct job_surroundings {
    const char *tracking_uri;
    const char *gateway_uri;
    const char *temporary; /* where temporary folders are made */
    int64_t grace_ms;      /* between SIGTERM and SIGKILL */
    int cgroups;           /* or -1 */
    int alive;             /* of the source */
};

/* Copies what is taken, and starts it. A job that cannot be started has `ended`. NULL if there is no memory.
 */
struct job_run *job_run_start(const struct job_taken *taken, const struct job_surroundings *surroundings);

/* Reads what there is, and learns whether it has ended. `scratch` is rewound. */
void job_run_read(struct job_run *run, enum job_stream stream, struct arena *scratch);
void job_run_event(struct job_run *run, struct arena *scratch);

/* What a killed supervisor leaves behind, but for processes. */
void job_run_clear_up(const struct job_run *run, const struct job_surroundings *surroundings);

/* The processes are left to their supervisor, which kills what is left of them. */
void job_run_free(struct job_run *run);

/* What came of it, from what is known of the process. In the arena of the run. */
void job_run_judge(struct job_run *run);

/* The variables of the job's environment, NULL-terminated, in the arena. `folder` is its temporary one. */
const char *const *job_environment(struct arena *arena, const struct job_taken *taken,
                                   const struct job_user *user, const struct job_surroundings *surroundings,
                                   const char *folder);

/* Files of MLflow's entry point in the temporary folder. */
#define JOB_RESULT_FILE_NAME    "result.json"
#define JOB_TRANSIENT_FILE_NAME "transient_error_classes"

#endif
