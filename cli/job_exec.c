#include "cli/job_exec.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The job begins as any program does: the worker's habits are not its own, nor those of whoever started that.
 * The C library keeps two signals to itself, which only the kernel can be told of (rt_sigaction(2)). */
static void reset_signals(void)
{
    static const unsigned long by_default[8] = {0}; /* struct kernel_sigaction, all zero: SIG_DFL */
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, (size_t)(NSIG - 1) / 8);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool limit(int resource, int64_t value)
{
    struct rlimit now;
    if (value < 0)
        return true;
    if (getrlimit(resource, &now) != 0)
        return false;
    struct rlimit wanted = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    if (now.rlim_max != RLIM_INFINITY && wanted.rlim_max > now.rlim_max)
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    return setrlimit(resource, &wanted) == 0;
}

static bool set_limits(const struct job_supervision *what)
{
    const struct job_limits *limits = &what->command->limits;
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_CPU, limits->cpu_seconds) &&
           limit(RLIMIT_NOFILE, limits->open_files) && limit(RLIMIT_NPROC, what->process_limit);
}

/* As system calls, for those of the library want to tell other threads, which a fork does not have. */
static bool change_user(const struct job_user *user)
{
    if (!user)
        return true;
    return syscall(SYS_setgroups, user->group_count, user->groups) == 0 &&
           syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
           syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0;
}

static bool take_descriptors(const struct job_supervision *what)
{
    return dup2(what->input, STDIN_FILENO) >= 0 && dup2(what->output, STDOUT_FILENO) >= 0 &&
           dup2(what->errors, STDERR_FILENO) >= 0;
}

enum job_step job_exec(const struct job_supervision *what, pid_t supervisor)
{
    const struct job_command *command = what->command;
    const char *directory = command->directory ? command->directory : command->temporary;
    if (setsid() < 0 || !take_descriptors(what))
        return JOB_STEP_SESSION;
    if (!change_user(command->user))
        return JOB_STEP_USER;
    /* After the change of the user, which clears it, and would count against the limit. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return JOB_STEP_SESSION;
    if (!set_limits(what))
        return JOB_STEP_LIMITS;
    if (directory && chdir(directory) != 0)
        return JOB_STEP_DIRECTORY;
    reset_signals();
    if (!limit(RLIMIT_AS, command->limits.memory_bytes))
        return JOB_STEP_LIMITS;
    execve(command->argv[0], (char *const *)command->argv, (char *const *)command->environment);
    return JOB_STEP_EXEC;
}
