#include "cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/readiness.h"
#include "common/base/clock.h"
#include "common/http/limits.h"

#define SECOND_US        1000000L
#define QUICK_DEATH_US   SECOND_US
#define FIRST_BACKOFF_US (SECOND_US / 10)
#define MAX_BACKOFF_US   SECOND_US
#define MAX_FAILURES     5
#define WEB_GRACE_US     (25 * SECOND_US)
#define STOP_GRACE_US    (SHUTDOWN_GRACE_SECONDS * SECOND_US)
#define READY_TIMEOUT_US (30 * SECOND_US)

enum phase { RUNNING, STOPPING_WEB_SERVER, STOPPING_PROGRAMS };

struct loop {
    struct supervisor *supervisor;
    struct readiness readiness;
    enum phase phase;
    int signals;
    bool ends_with_terminal;
    int exit_status;
    bool ready;
    int64_t began_us;
    int64_t stop_us;     /* when stopping began */
    int64_t deadline_us; /* of the phase, once stopping */
    bool hurried;        /* nothing is waited for, as after a second signal */
    bool killed;
};

void supervisor_add(struct supervisor *supervisor, const char *name, const char **argv, int socket)
{
    if (supervisor->child_count == SUPERVISOR_MAX_CHILDREN)
        abort();
    supervisor->children[supervisor->child_count++] =
        (struct child){.name = name, .argv = argv, .socket = socket};
}

static sigset_t supervised_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    return set;
}

/* Set by nohup(1): the terminal's end is no reason to stop. */
static bool ignores_hangup;

void supervisor_block_signals(void)
{
    struct sigaction hangup;
    ignores_hangup = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigset_t set = supervised_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

bool supervisor_prepare_child(pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return getppid() == parent;
}

static bool is_web_server(const struct child *child)
{
    return child->socket == SUPERVISOR_WEB_SERVER;
}

/* Descriptors from 3 on, as sd_listen_fds(3) has them. The copies are above all of those, so that none is
 * overwritten before its turn. */
static bool hand_over_listener(const struct listener *listener)
{
    int copies[LISTENER_MAX_SOCKETS];
    for (size_t i = 0; i < listener->count; i++)
        copies[i] = fcntl(listener->sockets[i], F_DUPFD_CLOEXEC, 3 + LISTENER_MAX_SOCKETS);
    for (size_t i = 0; i < listener->count; i++) {
        if (dup2(copies[i], 3 + (int)i) < 0)
            return false;
    }
    char text[24];
    snprintf(text, sizeof(text), "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    snprintf(text, sizeof(text), "%zu", listener->count);
    setenv("LISTEN_FDS", text, 1);
    return true;
}

/* A program's descriptor 0: its socket, or nothing. */
static bool hand_over_socket(const struct child *child)
{
    int fd = child->socket;
    if (fd == SUPERVISOR_NO_SOCKET)
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO;
}

static void run_child(const struct supervisor *supervisor, const struct child *child, pid_t parent)
{
    /* Ctrl-C in a terminal must reach the supervisor only, which stops the others in order. */
    setpgid(0, 0);
    if (!supervisor_prepare_child(parent))
        _exit(EXIT_FAILED);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    bool prepared = is_web_server(child)
                        ? chdir(supervisor->web_directory) == 0 && hand_over_listener(supervisor->listener)
                        : hand_over_socket(child);
    if (prepared)
        execv(child->argv[0], (char *const *)child->argv);
    notice("%s cannot be started: %s", child->name, strerror(errno));
    _exit(EXIT_FAILED);
}

static void start_child(struct loop *loop, struct child *child)
{
    pid_t parent = getpid();
    child->started_us = clock_monotonic_us();
    pid_t pid = fork();
    if (pid == 0)
        run_child(loop->supervisor, child, parent);
    if (pid < 0) {
        notice("%s cannot be started: %s", child->name, strerror(errno));
        child->start_at_us = child->started_us + SECOND_US;
        return;
    }
    child->pid = pid;
}

static bool any_running(const struct supervisor *supervisor, bool web_server)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        if (supervisor->children[i].pid && is_web_server(&supervisor->children[i]) == web_server)
            return true;
    }
    return false;
}

static void signal_children(const struct supervisor *supervisor, bool web_server, int number)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        if (supervisor->children[i].pid && is_web_server(&supervisor->children[i]) == web_server)
            kill(supervisor->children[i].pid, number);
    }
}

/* There is nothing to finish for a server that never was ready, or whose programs do not work. */
static void begin_stop(struct loop *loop, int exit_status)
{
    if (loop->phase == RUNNING) {
        loop->phase = STOPPING_WEB_SERVER;
        loop->exit_status = exit_status;
        loop->hurried = !loop->ready || exit_status != EXIT_OK;
        loop->stop_us = clock_monotonic_us();
        loop->deadline_us = loop->hurried ? 0 : loop->stop_us + WEB_GRACE_US;
        readiness_stop(&loop->readiness);
        listener_close(loop->supervisor->listener);
        signal_children(loop->supervisor, true, SIGINT);
    } else {
        loop->hurried = true;
        loop->deadline_us = 0;
    }
}

/* Moves on through the phases of stopping; false when all is over. */
static bool continue_stop(struct loop *loop, int64_t now)
{
    struct supervisor *supervisor = loop->supervisor;
    if (loop->phase == STOPPING_WEB_SERVER && (now >= loop->deadline_us || !any_running(supervisor, true))) {
        loop->phase = STOPPING_PROGRAMS;
        loop->deadline_us = loop->hurried ? now + SECOND_US : loop->stop_us + STOP_GRACE_US;
        signal_children(supervisor, true, SIGTERM);
        signal_children(supervisor, false, SIGTERM);
    }
    if (loop->phase == STOPPING_PROGRAMS && now >= loop->deadline_us && !loop->killed) {
        loop->killed = true;
        signal_children(supervisor, true, SIGKILL);
        signal_children(supervisor, false, SIGKILL);
    }
    return loop->phase == RUNNING || any_running(supervisor, true) || any_running(supervisor, false);
}

static void describe_end(int status, char text[64])
{
    if (WIFSIGNALED(status))
        snprintf(text, 64, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
}

/* A process that was killed from outside, or crashed after the server had been ready, is always replaced: one
 * bad request must not be able to stop the server. Giving up is for what cannot work at all. */
static bool is_hopeless(const struct loop *loop, const struct child *child, int status)
{
    return child->failures >= MAX_FAILURES && !(WIFSIGNALED(status) && loop->ready);
}

static void child_ended(struct loop *loop, struct child *child, int status)
{
    int64_t now = clock_monotonic_us();
    char how[64];
    pid_t pid = child->pid;
    child->pid = 0;
    if (loop->phase != RUNNING)
        return;
    describe_end(status, how);
    bool from_outside = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (now - child->started_us >= QUICK_DEATH_US)
        child->failures = 0;
    else if (!from_outside && child->failures < MAX_FAILURES)
        child->failures++;
    if (is_hopeless(loop, child, status)) {
        command_error(
            "%s %s at once, %d times in a row; giving up. The reason should stand in the lines above.",
            child->name, how, MAX_FAILURES);
        begin_stop(loop, EXIT_FAILED);
        return;
    }
    notice("WARNING: %s (process %d) %s; starting it again.", child->name, (int)pid, how);
    int64_t backoff = FIRST_BACKOFF_US << child->failures;
    child->start_at_us = child->started_us + (backoff < MAX_BACKOFF_US ? backoff : MAX_BACKOFF_US);
}

static void reap(struct loop *loop)
{
    struct supervisor *supervisor = loop->supervisor;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (size_t i = 0; i < supervisor->child_count; i++) {
            if (supervisor->children[i].pid == pid)
                child_ended(loop, &supervisor->children[i], status);
        }
    }
}

static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* SIGHUP says either that logs are to be reopened, or that the terminal has been closed. */
static void hang_up(struct loop *loop)
{
    if (loop->ends_with_terminal && !has_terminal()) {
        begin_stop(loop, EXIT_OK);
        return;
    }
    signal_children(loop->supervisor, true, SIGHUP);
    signal_children(loop->supervisor, false, SIGHUP);
}

static void read_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap(loop);
        } else if (info.ssi_signo == SIGHUP) {
            hang_up(loop);
        } else {
            begin_stop(loop, EXIT_OK);
        }
    }
}

/* Starts what is due; the time when the next start is due, or `until`. */
static int64_t start_due(struct loop *loop, int64_t now, int64_t until)
{
    struct supervisor *supervisor = loop->supervisor;
    for (size_t i = 0; loop->phase == RUNNING && i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (!child->pid && child->start_at_us <= now)
            start_child(loop, child);
        if (!child->pid && child->start_at_us < until)
            until = child->start_at_us;
    }
    return until;
}

static void check_readiness(struct loop *loop, int64_t now)
{
    if (loop->ready || loop->phase != RUNNING)
        return;
    if (readiness_continue(&loop->readiness, now)) {
        loop->ready = true;
        loop->supervisor->ready(loop->supervisor->context);
    } else if (now >= loop->began_us + READY_TIMEOUT_US) {
        command_error("the server does not answer GET %s within %ld s (last HTTP status: %d); giving up.",
                      loop->supervisor->health_path, READY_TIMEOUT_US / SECOND_US,
                      loop->readiness.http_status);
        begin_stop(loop, EXIT_FAILED);
    }
}

static void wait_for_events(const struct loop *loop, int64_t now, int64_t until)
{
    struct pollfd polled[2] = {{.fd = loop->signals, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (!loop->ready && loop->phase == RUNNING)
        polled[1].fd = loop->readiness.fd;
    int64_t wait_ms = (until - now + 999) / 1000;
    poll(polled, 2, until == INT64_MAX ? -1 : wait_ms < 0 ? 0 : (int)wait_ms);
}

int supervisor_run(struct supervisor *supervisor)
{
    sigset_t set = supervised_signals();
    struct loop loop = {.supervisor = supervisor, .began_us = clock_monotonic_us()};
    loop.ends_with_terminal = !ignores_hangup && has_terminal();
    loop.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop.signals < 0)
        return command_error("signalfd: %s", strerror(errno));
    readiness_init(&loop.readiness, supervisor->listener->sockets[0], supervisor->health_path);
    for (;;) {
        read_signals(&loop);
        int64_t now = clock_monotonic_us();
        int64_t until = start_due(&loop, now, INT64_MAX);
        check_readiness(&loop, now);
        if (!continue_stop(&loop, now))
            break;
        if (loop.phase != RUNNING && !loop.killed && loop.deadline_us < until)
            until = loop.deadline_us;
        if (!loop.ready && loop.phase == RUNNING)
            until = readiness_due(&loop.readiness, loop.began_us + READY_TIMEOUT_US, until);
        wait_for_events(&loop, now, until);
    }
    close(loop.signals);
    return loop.exit_status;
}
