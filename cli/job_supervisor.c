#include "cli/job_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/job_cgroup.h"
#include "cli/job_descendants.h"
#include "cli/job_exec.h"
#include "common/base/clock.h"

#define KEPT_DESCRIPTORS 6
#define KILL_AGAIN_MS    10
#define KILL_SLOWLY_MS   500
#define REPORT_AFTER_US \
    5000000L /* that processes do not die (signal(7), "D" in ps(1)) is no reason to wait */

struct supervisor {
    struct job_supervision *what;
    pid_t job;
    int signals;
    bool ended; /* the job's own process */
    int status;
    bool terminating, killing, timed_out, alone; /* alone: the worker is dead */
    int64_t timeout_us, kill_us;                 /* INT64_MAX: not yet */
};

/* Everything else is the worker's: databases, and the sockets of other jobs, whose ends would not be seen. */
static void close_others(const struct job_supervision *what)
{
    int kept[KEPT_DESCRIPTORS] = {what->control,          what->input,         what->output, what->errors,
                                  what->command->cgroups, what->command->alive};
    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = UINT32_MAX;
        for (int i = 0; i < KEPT_DESCRIPTORS; i++) {
            if (kept[i] >= (int)from && (unsigned)kept[i] < next)
                next = (unsigned)kept[i];
        }
        if (next > from)
            syscall(SYS_close_range, from, next == UINT32_MAX ? next : next - 1, 0);
        if (next == UINT32_MAX)
            return;
        from = next + 1;
    }
}

static void report(const struct supervisor *self, const struct job_report *told, int file)
{
    struct job_report copy = *told;
    struct iovec bytes = {.iov_base = &copy, .iov_len = sizeof(copy)};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (file >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &file, sizeof(int));
    }
    sendmsg(self->what->control, &message, MSG_NOSIGNAL);
}

static bool write_byte(int folder, const char *file, char byte)
{
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, &byte, 1) == 1;
    if (fd >= 0)
        close(fd);
    return written;
}

/* Into the cgroup at once, if possible: moving there afterwards takes milliseconds. */
static pid_t fork_into(int cgroup)
{
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
    pid_t pid = cgroup < 0 ? -1 : (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid >= 0)
        return pid;
    pid = fork();
    if (pid == 0 && cgroup >= 0 && !write_byte(cgroup, "cgroup.procs", '0'))
        _exit(EXIT_FAILURE);
    return pid;
}

static void fail(struct supervisor *self, enum job_step step)
{
    const struct job_report told = {.failed = step, .error = errno};
    report(self, &told, -1);
    self->ended = true;
}

/* All that the user runs counts against the limit, so what runs already is added to it. */
static void limit_processes(struct job_supervision *what, bool by_cgroup)
{
    const struct job_command *command = what->command;
    what->process_limit = -1;
    if (command->limits.processes >= 0 && !by_cgroup)
        what->process_limit =
            command->limits.processes + job_count_threads(command->user ? command->user->uid : getuid());
}

/* Here and not in the worker, which may be killed at any time: who makes something removes it. */
static void prepare(struct supervisor *self)
{
    const struct job_command *command = self->what->command;
    bool limited = false;
    self->what->cgroup = -1;
    if (!job_make_folder(command)) {
        fail(self, JOB_STEP_FOLDER);
        return;
    }
    if (command->cgroups >= 0)
        self->what->cgroup = job_cgroup_make(command->cgroups, command->name, &command->limits, &limited);
    limit_processes(self->what, limited);
}

static void start(struct supervisor *self)
{
    pid_t parent = getpid();
    self->job = fork_into(self->what->cgroup);
    if (self->job == 0) {
        struct job_report told = {.failed = job_exec(self->what, parent), .error = errno};
        report(self, &told, -1);
        _exit(EXIT_FAILURE);
    }
    if (self->job < 0)
        fail(self, JOB_STEP_FORK);
    close(self->what->input);
    close(self->what->output);
    close(self->what->errors);
}

/* False when there is no child left. */
static bool reap(struct supervisor *self)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == self->job) {
            self->ended = true;
            self->status = status;
        }
    }
    return pid == 0 || errno != ECHILD;
}

static void kill_all(const struct supervisor *self)
{
    if (self->what->cgroup >= 0 && write_byte(self->what->cgroup, "cgroup.kill", '1'))
        return;
    if (!self->ended)
        kill(-self->job, SIGKILL);
    job_kill_descendants(getpid(), NULL, 0);
}

static void terminate(struct supervisor *self, int64_t now)
{
    if (self->terminating || self->ended)
        return;
    self->terminating = true;
    self->kill_us = now + self->what->command->grace_ms * 1000;
    /* Without a process group yet, it takes the signal up when it unblocks them. */
    if (kill(-self->job, SIGTERM) != 0)
        kill(self->job, SIGTERM);
    kill(-self->job, SIGCONT);
}

static void read_orders(struct supervisor *self, int64_t now)
{
    char order;
    ssize_t len;
    while ((len = recv(self->what->control, &order, 1, MSG_DONTWAIT)) > 0) {
        if (order == JOB_ORDER_TERMINATE)
            terminate(self, now);
        else
            self->killing = true;
    }
    if (len == 0 || (errno != EAGAIN && errno != EINTR))
        self->alone = self->killing = true;
}

/* SIGTERM says that the worker is dead, if it is (PR_SET_PDEATHSIG); else somebody ends all processes. */
static void read_signals(struct supervisor *self, int64_t now)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGTERM)
            continue;
        if (getppid() != self->what->worker)
            self->alone = self->killing = true;
        else
            terminate(self, now);
    }
}

static void wait_until(const struct supervisor *self, int64_t until)
{
    struct pollfd polled[2] = {{.fd = self->signals, .events = POLLIN},
                               {.fd = self->alone ? -1 : self->what->control, .events = POLLIN}};
    int64_t wait_ms = until == INT64_MAX ? -1 : (until - clock_monotonic_us() + 999) / 1000;
    poll(polled, 2, until == INT64_MAX ? -1 : wait_ms < 0 ? 0 : wait_ms > 1000000 ? 1000000 : (int)wait_ms);
}

static void check_time(struct supervisor *self, int64_t now)
{
    if (now >= self->timeout_us && !self->timed_out) {
        self->timed_out = !self->terminating;
        self->timeout_us = INT64_MAX;
        terminate(self, now);
    }
    if (now >= self->kill_us)
        self->killing = true;
}

/* Until the job's own process has ended, or everything is to be killed. */
static void watch(struct supervisor *self)
{
    while (reap(self) && !self->ended && !self->killing) {
        wait_until(self, self->timeout_us < self->kill_us ? self->timeout_us : self->kill_us);
        int64_t now = clock_monotonic_us();
        read_signals(self, now);
        read_orders(self, now);
        check_time(self, now);
    }
}

static int open_result(const struct supervisor *self)
{
    const char *path = self->what->command->result_file;
    return path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
}

static void tell_end(const struct supervisor *self)
{
    const struct job_report told = {.status = self->status, .timed_out = self->timed_out};
    int file = open_result(self);
    report(self, &told, file);
    if (file >= 0)
        close(file);
}

/* Kills whatever is left, and tells the worker when that is done. */
static void finish(struct supervisor *self)
{
    int64_t patience = clock_monotonic_us() + REPORT_AFTER_US;
    bool told = false;
    while (reap(self)) {
        struct signalfd_siginfo info;
        kill_all(self);
        if (!told && clock_monotonic_us() >= patience) {
            tell_end(self);
            told = true;
        }
        self->alone = true;
        wait_until(self, clock_monotonic_us() + (told ? KILL_SLOWLY_MS : KILL_AGAIN_MS) * 1000L);
        while (read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            ;
    }
    if (!told)
        tell_end(self);
}

_Noreturn void job_supervise(struct job_supervision *what)
{
    const struct job_command *command = what->command;
    struct supervisor self = {.what = what, .kill_us = INT64_MAX, .timeout_us = INT64_MAX};
    sigset_t all, read_ones;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&read_ones);
    sigaddset(&read_ones, SIGCHLD);
    sigaddset(&read_ones, SIGTERM);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* The worker's memory is here, and the job may run as the same user. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "tracklight-job");
    close_others(what);
    self.signals = signalfd(-1, &read_ones, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self.signals >= 0) {
        prepare(&self);
        if (!self.ended)
            start(&self);
        if (command->timeout_ms >= 0 && !self.ended)
            self.timeout_us = clock_monotonic_us() + command->timeout_ms * 1000;
        watch(&self);
        finish(&self);
    }
    job_remove_folder(command->temporary);
    if (what->cgroup >= 0)
        unlinkat(command->cgroups, command->name, AT_REMOVEDIR);
    _exit(EXIT_SUCCESS);
}
