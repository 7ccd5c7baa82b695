#ifndef TRACKLIGHT_CLI_JOB_PROCESS_H
#define TRACKLIGHT_CLI_JOB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* One job as a process of the operating system. Between the worker and the job stands a supervisor, a fork of
 * the worker that executes nothing: it ends the job when its time is over, when it is told to, or when the
 * worker dies, and it does not leave before every process that came of the job is dead and the job's
 * temporary folder is gone. Whatever the job's processes do, they stay its descendants. */

/* The PATH that jobs get. */
#define JOB_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define JOB_MAX_GROUPS 64

struct job_user {
    const char *name, *home;
    uid_t uid;
    gid_t gid;
    gid_t groups[JOB_MAX_GROUPS];
    int group_count;
};

/* Negative: none. */
struct job_limits {
    int64_t cpu_seconds;
    int64_t memory_bytes;
    int64_t open_files;
    int64_t processes;
};

struct job_command {
    const char *const *argv; /* argv[0] is the absolute path of the program */
    const char *const *environment;
    const char *directory; /* where it runs; NULL: its temporary folder */
    const char
        *temporary; /* its temporary folder: made before, and removed behind it with all that is in it */
    const char *given_file;      /* made in it before; absolute; NULL: none */
    struct sv given;             /* what is in that file */
    const char *result_file;     /* absolute; what is there at the end is handed to the worker; NULL: none */
    struct sv input;             /* its standard input */
    const struct job_user *user; /* NULL: the worker's own */
    struct job_limits limits;
    int64_t timeout_ms; /* from its start; negative: none */
    int64_t grace_ms;   /* between SIGTERM and SIGKILL */
    const char *name;   /* of its cgroup: without slashes */
    int alive;          /* a descriptor that the supervisor keeps open; -1: none */
    int cgroups;        /* the folder of a cgroup2 file system in which it gets a cgroup; -1: none */
};

/* A process that was started. The descriptors do not block; the worker waits for them to be readable. */
struct job_process {
    pid_t supervisor;
    int control;
    int output, errors; /* what the job writes; -1: closed */
    bool over;
};

/* How it ended. */
struct job_exit {
    bool started;   /* false: `problem` says why it could not be */
    bool lost;      /* the supervisor is dead, nobody knows how the job ended */
    bool timed_out; /* ended because its time was over */
    int status;     /* as of waitpid(2) */
    int result;     /* the result file, which the caller closes, or -1 */
    char problem[256];
};

/* Starts it; all files are the caller's. False with a sentence in *problem (in the arena): nothing was
 * started then. The calling thread must live as long as the job. */
bool job_process_start(const struct job_command *command, struct arena *arena, struct job_process *process,
                       struct sv *problem);

/* SIGTERM to the job's process group, and SIGKILL to all of its processes when the time of grace is over. */
void job_process_terminate(const struct job_process *process);

/* SIGKILL at once. */
void job_process_kill(const struct job_process *process);

/* What `control` has to tell, if it is readable: JOB_OVER once, with *exit filled in; all processes of the
 * job are dead then. JOB_GONE when the supervisor has left, too; *process is not in use any more. */
enum job_event { JOB_NOTHING, JOB_OVER, JOB_GONE };
enum job_event job_process_event(struct job_process *process, struct job_exit *exit);

/* Closes what is read from. */
void job_process_close_output(struct job_process *process);

/* The user with that name, or number. False with a sentence in *problem. */
bool job_user_find(struct sv name, struct arena *arena, struct job_user *user, struct sv *problem);

#endif
