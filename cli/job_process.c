#include "cli/job_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/job_supervisor.h"
#include "common/base/number.h"

#define PASSWD_BYTES 16384

/* What is the worker's after the fork, and what is the child's. */
struct descriptors {
    int control[2], output[2], errors[2];
    int input;
};

static const char *const steps[JOB_STEPS] = {
    [JOB_STEP_FOLDER] = "its temporary folder cannot be made",
    [JOB_STEP_FORK] = "no process can be made",
    [JOB_STEP_SESSION] = "its process cannot be set up",
    [JOB_STEP_LIMITS] = "its resource limits cannot be set",
    [JOB_STEP_USER] = "its user cannot be taken on",
    [JOB_STEP_DIRECTORY] = "its working directory cannot be entered",
    [JOB_STEP_EXEC] = "its program cannot be executed",
};

/* --- Starting --- */

/* A file in memory rather than a pipe, which somebody would have to fill. It is opened again so that the job
 * can only read it. */
static int open_input(struct sv input)
{
    char path[64];
    int fd = memfd_create("job-params", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    for (size_t done = 0; done < input.len;) {
        ssize_t len = write(fd, input.data + done, input.len - done);
        if (len < 0) {
            close(fd);
            return -1;
        }
        done += (size_t)len;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    int reading = open(path, O_RDONLY | O_CLOEXEC);
    close(fd);
    return reading;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void close_childs_ends(const struct descriptors *all)
{
    close_if_open(all->control[1]);
    close_if_open(all->output[1]);
    close_if_open(all->errors[1]);
    close_if_open(all->input);
}

static bool open_all(struct descriptors *all, const struct job_command *command)
{
    *all = (struct descriptors){{-1, -1}, {-1, -1}, {-1, -1}, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, all->control) != 0 ||
        pipe2(all->output, O_CLOEXEC) != 0 || pipe2(all->errors, O_CLOEXEC) != 0)
        return false;
    all->input = open_input(command->input);
    if (all->input < 0)
        return false;
    fcntl(all->output[0], F_SETFL, O_NONBLOCK);
    fcntl(all->errors[0], F_SETFL, O_NONBLOCK);
    return true;
}

bool job_process_start(const struct job_command *command, struct arena *arena, struct job_process *process,
                       struct sv *problem)
{
    struct descriptors all;
    bool opened = open_all(&all, command);
    struct job_supervision what = {
        .command = command,
        .worker = getpid(),
        .control = all.control[1],
        .input = all.input,
        .output = all.output[1],
        .errors = all.errors[1],
        .cgroup = -1,
    };
    pid_t pid = opened ? fork() : -1;
    if (pid == 0)
        job_supervise(&what);
    int error = errno;
    close_childs_ends(&all);
    if (pid > 0) {
        *process = (struct job_process){
            .supervisor = pid, .control = all.control[0], .output = all.output[0], .errors = all.errors[0]};
        return true;
    }
    close_if_open(all.control[0]);
    close_if_open(all.output[0]);
    close_if_open(all.errors[0]);
    *problem = arena_printf(arena, "The job cannot be started: %s.", strerror(error));
    return false;
}

/* --- Orders and reports --- */

static void order(const struct job_process *process, char what)
{
    if (process->control >= 0)
        send(process->control, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void job_process_terminate(const struct job_process *process)
{
    order(process, JOB_ORDER_TERMINATE);
}

void job_process_kill(const struct job_process *process)
{
    order(process, JOB_ORDER_KILL);
}

void job_process_close_output(struct job_process *process)
{
    close_if_open(process->output);
    close_if_open(process->errors);
    process->output = process->errors = -1;
}

static enum job_event leave(struct job_process *process)
{
    close(process->control);
    process->control = -1;
    while (waitpid(process->supervisor, NULL, 0) < 0 && errno == EINTR)
        ;
    return JOB_GONE;
}

/* A file that came along. */
static int received_file(struct msghdr *message)
{
    int file = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&file, CMSG_DATA(header), sizeof(file));
    return file;
}

static void note_failed_start(struct job_exit *exit, const struct job_report *report)
{
    if (exit->problem[0])
        return;
    snprintf(exit->problem, sizeof(exit->problem), "The job cannot be started: %s: %s.",
             steps[report->failed < JOB_STEPS ? report->failed : JOB_STEP_FORK], strerror(report->error));
}

enum job_event job_process_event(struct job_process *process, struct job_exit *exit)
{
    struct job_report report;
    struct iovec bytes = {.iov_base = &report, .iov_len = sizeof(report)};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    for (;;) {
        struct msghdr message = {.msg_iov = &bytes,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        ssize_t len = recvmsg(process->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return JOB_NOTHING;
        if (len != (ssize_t)sizeof(report)) {
            exit->lost = !process->over;
            return leave(process);
        }
        if (report.failed == JOB_STEP_NONE) {
            process->over = true;
            exit->status = report.status;
            exit->timed_out = report.timed_out;
            exit->result = received_file(&message);
            return JOB_OVER;
        }
        note_failed_start(exit, &report);
    }
}

/* --- Users --- */

bool job_user_find(struct sv name, struct arena *arena, struct job_user *user, struct sv *problem)
{
    struct passwd entry, *found = NULL;
    int64_t number;
    char *text = arena_alloc(arena, PASSWD_BYTES);
    bool numeric = parse_int64(name, 0, UINT32_MAX - 1, &number);
    int error = numeric ? getpwuid_r((uid_t)number, &entry, text, PASSWD_BYTES, &found)
                        : getpwnam_r(arena_cstr(arena, name), &entry, text, PASSWD_BYTES, &found);
    if (error != 0) {
        *problem =
            arena_printf(arena, "The user %.*s cannot be looked up: %s.", SV_ARG(name), strerror(error));
        return false;
    }
    if (!found && !numeric) {
        *problem = arena_printf(arena, "There is no user %.*s.", SV_ARG(name));
        return false;
    }
    *user = (struct job_user){.name = arena_cstr(arena, name), .home = "/"};
    if (!found) {
        user->uid = (uid_t)number;
        user->gid = (gid_t)number;
        return true;
    }
    user->name = found->pw_name;
    user->home = found->pw_dir;
    user->uid = found->pw_uid;
    user->gid = found->pw_gid;
    user->group_count = JOB_MAX_GROUPS;
    if (getgrouplist(found->pw_name, found->pw_gid, user->groups, &user->group_count) < 0)
        user->group_count = JOB_MAX_GROUPS;
    return true;
}
