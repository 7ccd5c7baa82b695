#ifndef TRACKLIGHT_CLI_JOB_SUPERVISOR_H
#define TRACKLIGHT_CLI_JOB_SUPERVISOR_H

#include "cli/job_process.h"

/* The process between the worker and a job; see job_process.h. It is a fork of a process with threads, so
 * everything here calls async-signal-safe functions only (signal-safety(7)). */

struct job_supervision {
    const struct job_command *command;
    pid_t worker;              /* its parent */
    int control;               /* its end of the socket */
    int input, output, errors; /* the job's */
    int cgroup;                /* the job's own, which the supervisor makes; -1: none */
    int64_t process_limit;     /* RLIMIT_NPROC, which it finds out; negative: none */
};

/* Messages on the socket, which keeps their bounds. Orders to the supervisor are one byte; when the worker's
 * end is closed, that is the order to kill. */
#define JOB_ORDER_TERMINATE 'T'
#define JOB_ORDER_KILL      'K'

/* What could not be done to start a job. */
enum job_step {
    JOB_STEP_NONE,
    JOB_STEP_FOLDER,
    JOB_STEP_FORK,
    JOB_STEP_SESSION,
    JOB_STEP_LIMITS,
    JOB_STEP_USER,
    JOB_STEP_DIRECTORY,
    JOB_STEP_EXEC,
    JOB_STEPS
};

/* Reports of the supervisor, and of the job's process before it is another program. With the end of a job
 * comes its result file (SCM_RIGHTS), if there is one. */
struct job_report {
    enum job_step failed; /* JOB_STEP_NONE: the job is over */
    int error;            /* errno of what failed */
    int status;           /* as of waitpid(2) */
    bool timed_out;
};

_Noreturn void job_supervise(struct job_supervision *supervision);

/* Makes the temporary folder of a job, with the file that is given to it. False with errno. */
bool job_make_folder(const struct job_command *command);

/* Removes a folder and what is in it. Nothing outside is touched, whatever links there are. */
void job_remove_folder(const char *path);

#endif
