#include "cli/job_descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_PROCESSES 32768
#define MAX_ROUNDS    50

struct process {
    pid_t pid, parent;
    char state; /* proc_pid_stat(5) */
    bool ours;
};

/* Not on a stack, because it is large; no page of it is used before it is needed. */
static struct process processes[MAX_PROCESSES];

/* "/proc/PID/FILE". */
static void proc_path(char path[64], pid_t pid, const char *file)
{
    char digits[16];
    size_t count = 0, len = 6;
    memcpy(path, "/proc/", len);
    do {
        digits[count++] = (char)('0' + pid % 10);
        pid /= 10;
    } while (pid);
    while (count)
        path[len++] = digits[--count];
    path[len++] = '/';
    memcpy(path + len, file, strlen(file) + 1);
}

static size_t read_proc(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];
    proc_path(path, pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, size - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

static int64_t number_at(const char *text)
{
    int64_t value = 0;
    while (*text >= '0' && *text <= '9' && value < INT32_MAX)
        value = 10 * value + (*text++ - '0');
    return value;
}

/* "PID (name) STATE PPID …", where the name may hold anything. */
static bool read_process(pid_t pid, struct process *process)
{
    char text[512];
    size_t len = read_proc(pid, "stat", text, sizeof(text));
    const char *name_end = len ? memrchr(text, ')', len) : NULL;
    if (!name_end || (size_t)(name_end - text) + 4 >= len)
        return false;
    *process = (struct process){.pid = pid, .state = name_end[2], .parent = (pid_t)number_at(name_end + 4)};
    return true;
}

/* Calls `visit` for each process that there is. */
static void each_process(void (*visit)(pid_t pid, void *context), void *context)
{
    char entries[4096] __attribute__((aligned(8)));
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t len;
    if (fd < 0)
        return;
    while ((len = getdents64(fd, entries, sizeof(entries))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                visit((pid_t)number_at(entry->d_name), context);
        }
    }
    close(fd);
}

static void add_process(pid_t pid, void *context)
{
    size_t *count = context;
    if (*count < MAX_PROCESSES && read_process(pid, &processes[*count]))
        (*count)++;
}

static bool is_one_of(pid_t pid, const pid_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == pid)
            return true;
    }
    return false;
}

static bool has_our_parent(size_t count, size_t index, pid_t ancestor)
{
    if (processes[index].parent == ancestor)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (processes[i].pid == processes[index].parent)
            return processes[i].ours;
    }
    return false;
}

/* Marks the descendants among all processes. */
static size_t find(pid_t ancestor, const pid_t *spared, size_t spared_count)
{
    size_t count = 0;
    each_process(add_process, &count);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (processes[i].ours || is_one_of(processes[i].pid, spared, spared_count) ||
                !has_our_parent(count, i, ancestor))
                continue;
            processes[i].ours = more = true;
        }
    }
    return count;
}

/* The number may be another process's by now: what the descriptor stands for is compared before. */
static void signal_process(const struct process *process, int number)
{
    struct process now;
    int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (fd < 0)
        return;
    if (read_process(process->pid, &now) && now.parent == process->parent)
        syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
    close(fd);
}

static bool is_halted(const struct process *process)
{
    return process->state == 'T' || process->state == 't' || process->state == 'Z' || process->state == 'X';
}

void job_kill_descendants(pid_t ancestor, const pid_t *spared, size_t spared_count)
{
    size_t count = 0;
    bool running = true;
    for (int round = 0; running && round < MAX_ROUNDS; round++) {
        running = false;
        count = find(ancestor, spared, spared_count);
        for (size_t i = 0; i < count; i++) {
            if (processes[i].ours && !is_halted(&processes[i])) {
                signal_process(&processes[i], SIGSTOP);
                running = true;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (processes[i].ours && processes[i].state != 'Z' && processes[i].state != 'X')
            signal_process(&processes[i], SIGKILL);
    }
}

struct thread_count {
    uid_t uid;
    int64_t threads;
};

static void add_threads(pid_t pid, void *context)
{
    struct thread_count *count = context;
    char text[2048];
    if (!read_proc(pid, "status", text, sizeof(text)))
        return;
    const char *uid = strstr(text, "\nUid:\t"), *threads = strstr(text, "\nThreads:\t");
    if (uid && threads && number_at(uid + 6) == (int64_t)count->uid)
        count->threads += number_at(threads + 10);
}

int64_t job_count_threads(uid_t uid)
{
    struct thread_count count = {.uid = uid};
    each_process(add_threads, &count);
    return count.threads;
}
