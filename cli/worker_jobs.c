#include "cli/worker_jobs.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/job_cgroup.h"
#include "cli/job_descendants.h"
#include "cli/job_run.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

#define STACK_BYTES         (1024 * 1024)
#define SCRATCH_LIMIT_BYTES (512UL * 1024 * 1024)
#define TYPES_LIMIT_BYTES   (64UL * 1024 * 1024)
#define TAKEN_AT_ONCE       32
#define TOLD_AT_ONCE        64
#define LOG_EVERY_US        500000L
#define PROGRESS_EVERY_US   500000L
#define ASK_EVERY_US        200000L /* whether jobs are cancelled, while signals come all the time */
#define TROUBLE_US          1000000L
#define NO_PLACE_US         500000L /* due, but not to be had: others have it, or its type is busy */
#define LAST_GRACE_US       5000000L
#define DESCRIPTORS_PER_JOB 3
#define COMMON_DESCRIPTORS  2

struct jobs_worker {
    struct jobs_worker_options options;
    struct job_source *source;
    struct jobs_worker_sums sums;
    struct job_surroundings surroundings;
    struct job_types types;
    struct arena *types_arenas[64]; /* those of earlier types are still in use */
    size_t types_arena_count;
    struct arena *scratch;
    struct job_run **runs;
    size_t run_count, max_jobs, busy;
    struct pollfd *polled;
    int64_t due_us, look_us, retry_us;
    int64_t stop_us; /* when what runs is ended; INT64_MAX: not stopping */
    bool idle;       /* the last round had nothing to give */
    atomic_bool stop, reload;
    int orders, ended;
    pthread_t thread;
};

/* --- Types --- */

static bool load_types(struct jobs_worker *self, struct sv *problem, struct arena *problem_arena)
{
    struct arena *arena = arena_new(TYPES_LIMIT_BYTES);
    struct job_types types = {0};
    if (self->types_arena_count == sizeof(self->types_arenas) / sizeof(self->types_arenas[0]) ||
        !job_types_from_settings(&types, arena, self->options.settings, self->options.config_file, problem)) {
        *problem = problem->data ? arena_copy(problem_arena, *problem)
                                 : SV("the types of jobs have been read too often; start the worker again");
        arena_free(arena);
        return false;
    }
    self->types = types;
    self->types_arenas[self->types_arena_count++] = arena;
    return true;
}

static void warn_of_unbounded(const struct jobs_worker *self)
{
    for (size_t i = 0; i < self->types.count; i++) {
        const struct job_type *type = &self->types.items[i];
        if (type->processes >= 0 && !type->user.len && geteuid() == 0 && self->surroundings.cgroups < 0)
            log_warning("job type %.*s: nothing limits the number of processes of root: name a user",
                        SV_ARG(type->name));
    }
}

static void reload(struct jobs_worker *self)
{
    struct sv problem = SV_ABSENT;
    if (!atomic_exchange(&self->reload, false))
        return;
    if (!load_types(self, &problem, self->scratch))
        log_error("jobs: the types are what they were: %.*s", SV_ARG(problem));
    warn_of_unbounded(self);
    self->due_us = 0;
}

/* --- What one attempt has become --- */

static void report(const struct error *error)
{
    log_error("jobs: %.*s%s%.*s", SV_ARG(error->message), error->detail.len ? ": " : "",
              SV_ARG(error->detail));
}

static const char *ending_name(const struct job_run *run)
{
    static const char *const names[] = {
        [JOB_END_SUCCEEDED] = "SUCCEEDED", [JOB_END_FAILED] = "FAILED",     [JOB_END_TIMEOUT] = "TIMEOUT",
        [JOB_END_TRANSIENT] = "TRANSIENT", [JOB_END_RETURNED] = "RETURNED",
    };
    return run->hold == JOB_HOLD_CANCELED ? "CANCELED"
           : run->hold == JOB_HOLD_LOST   ? "LOST"
                                          : names[run->ending.end];
}

static void count(struct jobs_worker *self, const struct job_run *run)
{
    if (run->hold != JOB_HELD || run->ending.end == JOB_END_FAILED || run->ending.end == JOB_END_TIMEOUT)
        self->sums.failed++;
    else if (run->ending.end == JOB_END_SUCCEEDED)
        self->sums.succeeded++;
    else
        self->sums.again++;
    char labels[METRICS_LABELS_MAX + 1];
    snprintf(labels, sizeof(labels), "status=\"%s\"", ending_name(run));
    metrics_add("tracklight_jobs_ended_total", sv_from(labels), 1);
}

static void settle(struct jobs_worker *self, struct job_run *run)
{
    run->told = true;
    count(self, run);
    log_info("job=%.*s name=%.*s attempt=%lld status=%s ms=%lld", SV_ARG(run->lease.job_id),
             SV_ARG(run->taken.job.name), (long long)run->lease.attempt, ending_name(run),
             (long long)(clock_monotonic_us() - run->began_us) / 1000);
}

/* Whoever killed the supervisor has left the job's processes to us, for we are their next ancestor. */
static void clear_up_lost(struct jobs_worker *self, struct job_run *run)
{
    pid_t spared[1024];
    size_t count = 0;
    for (size_t i = 0; i < self->run_count && count < sizeof(spared) / sizeof(spared[0]); i++) {
        if (self->runs[i] != run && !self->runs[i]->gone)
            spared[count++] = self->runs[i]->process.supervisor;
    }
    job_kill_descendants(getpid(), spared, count);
    job_run_clear_up(run, &self->surroundings);
}

static void lose(struct job_run *run, enum job_hold hold)
{
    bool known = run->hold == hold;
    run->hold = hold;
    if (!run->running || known)
        return;
    if (hold == JOB_HOLD_CANCELED)
        job_process_terminate(&run->process);
    else
        job_process_kill(&run->process);
}

/* --- A round with the source --- */

static bool wants_log(const struct job_run *run, int64_t now)
{
    return run->output.log.len > 0 && (run->ended || now >= run->log_us);
}

static bool wants_progress(const struct job_run *run, int64_t now)
{
    return run->output.has_news && (run->ended || now >= run->progress_us);
}

static bool has_news(const struct job_run *run, int64_t now)
{
    return !run->told && run->hold != JOB_HOLD_LOST &&
           (run->ended || now >= run->beat_us || wants_log(run, now) || wants_progress(run, now));
}

static void fill_news(struct jobs_worker *self, struct job_run *run, int64_t now, struct job_news *news)
{
    *news = (struct job_news){.lease = &run->lease, .type = run->taken.type, .progress = -1};
    if (wants_log(run, now))
        news->log = job_output_log(&run->output, self->scratch);
    if (wants_progress(run, now)) {
        news->has_progress = true;
        news->progress = run->output.progress;
        if (run->output.message.len)
            news->message = buffer_sv(&run->output.message);
        if (run->output.details.len)
            news->details = buffer_sv(&run->output.details);
    }
    if (run->ended)
        news->ending = &run->ending;
}

static void heard(struct jobs_worker *self, struct job_run *run, const struct job_news *news, int64_t before)
{
    int64_t now = clock_monotonic_us();
    if (news->log.data) {
        job_output_log_told(&run->output);
        run->log_us = now + LOG_EVERY_US;
    }
    if (news->has_progress) {
        run->output.has_news = false;
        run->progress_us = now + PROGRESS_EVERY_US;
    }
    run->asked_us = before;
    run->beat_us = before + self->source->lease_ms * 1000 / 3;
    run->lease_end_us = before + self->source->lease_ms * 1000;
    if (news->hold != JOB_HELD)
        lose(run, news->hold);
    if (run->ended)
        settle(self, run);
}

static void start_taken(struct jobs_worker *self, const struct job_taken *taken, int64_t before)
{
    struct job_run *run = job_run_start(taken, &self->surroundings);
    if (!run) {
        log_error("jobs: no memory for a job; another worker gets it when the lease is over");
        return;
    }
    run->began_us = clock_monotonic_us();
    run->asked_us = before;
    run->beat_us = before + self->source->lease_ms * 1000 / 3;
    run->lease_end_us = before + self->source->lease_ms * 1000;
    self->runs[self->run_count++] = run;
    self->busy += run->running;
}

static int64_t due_us(const struct jobs_worker *self, int64_t due_ms, int64_t now)
{
    if (due_ms == INT64_MAX)
        return INT64_MAX;
    int64_t wait_ms = due_ms - clock_now_ms();
    if (wait_ms > self->source->look_every_ms)
        wait_ms = self->source->look_every_ms;
    return wait_ms <= 0 ? now : now + wait_ms * 1000;
}

static size_t places(const struct jobs_worker *self)
{
    size_t free_runs = 2 * self->max_jobs - self->run_count, free_jobs = self->max_jobs - self->busy;
    size_t free_places = free_runs < free_jobs ? free_runs : free_jobs;
    if (self->stop_us != INT64_MAX)
        return 0;
    return free_places < TAKEN_AT_ONCE ? free_places : TAKEN_AT_ONCE;
}

static void exchange(struct jobs_worker *self, struct job_run **told, struct job_round *round)
{
    struct error error = {.code = ERROR_NONE};
    int64_t before = clock_monotonic_us();
    bool done = self->source->class->round(self->source, round, self->scratch, &error);
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < round->news_count; i++) {
        if (told[i] && round->news[i].entered)
            heard(self, told[i], &round->news[i], before);
    }
    for (size_t i = 0; i < round->taken_count; i++)
        start_taken(self, &round->taken[i], before);
    if (!done) {
        report(&error);
        self->sums.trouble = true;
        self->retry_us = now + TROUBLE_US;
        return;
    }
    self->retry_us = 0;
    self->look_us = now + self->source->look_every_ms * 1000;
    self->idle = round->taken_count == 0;
    self->due_us = due_us(self, round->due_ms, now);
    if (self->idle && self->due_us <= now)
        self->due_us = now + NO_PLACE_US;
}

static const struct sv *held_leases(struct jobs_worker *self, size_t *count)
{
    struct sv *leases = ARENA_ARRAY(self->scratch, struct sv, self->run_count + 1);
    *count = 0;
    for (size_t i = 0; i < self->run_count; i++) {
        if (self->runs[i]->running && self->runs[i]->hold == JOB_HELD)
            leases[(*count)++] = self->runs[i]->lease.lease;
    }
    return leases;
}

static void talk(struct jobs_worker *self, int64_t now)
{
    struct job_news news[TOLD_AT_ONCE];
    struct job_run *told[TOLD_AT_ONCE] = {NULL};
    struct job_taken taken[TAKEN_AT_ONCE];
    struct job_round round = {.types = &self->types, .news = news, .taken = taken};
    if (now < self->retry_us)
        return;
    for (size_t i = 0; i < self->run_count && round.news_count < TOLD_AT_ONCE; i++) {
        if (has_news(self->runs[i], now)) {
            fill_news(self, self->runs[i], now, &news[round.news_count]);
            told[round.news_count++] = self->runs[i];
        }
    }
    round.wanted = places(self);
    round.held = held_leases(self, &round.held_count);
    if (round.news_count > 0 || (round.wanted > 0 && self->due_us <= now))
        exchange(self, told, &round);
}

/* --- What else there is to be done --- */

/* A signal says that there is something to take, or that something is cancelled. */
static void look(struct jobs_worker *self, int64_t now)
{
    bool woken = self->source->class->woken(self->source);
    for (size_t i = 0; woken && i < self->run_count; i++) {
        struct job_run *run = self->runs[i];
        if (run->running && run->asked_us + ASK_EVERY_US < run->beat_us)
            run->beat_us = run->asked_us + ASK_EVERY_US;
    }
    if ((!woken && now < self->look_us) || now < self->retry_us || places(self) == 0)
        return;
    struct error error = {.code = ERROR_NONE};
    int64_t due_ms;
    self->look_us = now + self->source->look_every_ms * 1000;
    if (!self->source->class->look(self->source, &self->types, self->scratch, &error, &due_ms)) {
        report(&error);
        return;
    }
    self->due_us = due_us(self, due_ms, now);
    self->idle = self->due_us > now;
}

/* Before somebody else may have it, it must be dead. */
static void check_lease(struct jobs_worker *self, struct job_run *run, int64_t now)
{
    if (run->told || run->hold == JOB_HOLD_LOST ||
        now < run->lease_end_us - self->source->lease_ms * 1000 / 6)
        return;
    log_error("job=%.*s: its lease cannot be extended", SV_ARG(run->lease.job_id));
    lose(run, JOB_HOLD_LOST);
}

static void tidy(struct jobs_worker *self, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->run_count; i++) {
        struct job_run *run = self->runs[i];
        check_lease(self, run, now);
        if (run->ended && !run->told && run->hold == JOB_HOLD_LOST)
            settle(self, run);
        if (run->told && run->gone)
            job_run_free(run);
        else
            self->runs[kept++] = run;
    }
    self->run_count = kept;
}

static void check_stop(struct jobs_worker *self, int64_t now)
{
    if (atomic_load(&self->stop) && self->stop_us == INT64_MAX)
        self->stop_us = now + self->options.settings->jobs_stop_timeout * 1000000L;
    for (size_t i = 0; now >= self->stop_us && i < self->run_count; i++) {
        struct job_run *run = self->runs[i];
        if (run->running && !run->stopped) {
            run->stopped = true;
            job_process_terminate(&run->process);
        }
    }
}

static bool is_done(const struct jobs_worker *self, int64_t now)
{
    bool untold = false;
    for (size_t i = 0; i < self->run_count; i++)
        untold |= !self->runs[i]->told;
    if (self->stop_us != INT64_MAX)
        return !untold || now >= self->stop_us + self->surroundings.grace_ms * 1000 + LAST_GRACE_US;
    return self->options.once && !untold && (self->idle || self->retry_us);
}

/* --- Waiting --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_time(const struct jobs_worker *self)
{
    int64_t until = self->stop_us;
    if (places(self) > 0)
        until = earlier(until, earlier(self->due_us, self->look_us));
    for (size_t i = 0; i < self->run_count; i++) {
        const struct job_run *run = self->runs[i];
        if (run->told || run->hold == JOB_HOLD_LOST)
            continue;
        until = earlier(until, run->ended ? 0 : run->beat_us);
        if (run->output.log.len > 0)
            until = earlier(until, run->log_us);
        if (run->output.has_news)
            until = earlier(until, run->progress_us);
    }
    if (self->retry_us > until)
        until = self->retry_us;
    return until;
}

static void wait_for_events(struct jobs_worker *self, int64_t now)
{
    int64_t until = next_time(self), wait_ms = (until - now + 999) / 1000;
    size_t count = COMMON_DESCRIPTORS;
    self->polled[0] = (struct pollfd){.fd = self->orders, .events = POLLIN};
    self->polled[1] = (struct pollfd){.fd = self->source->class->wake_fd(self->source), .events = POLLIN};
    for (size_t i = 0; i < self->run_count; i++) {
        const struct job_process *process = &self->runs[i]->process;
        self->polled[count++] = (struct pollfd){.fd = process->control, .events = POLLIN};
        self->polled[count++] = (struct pollfd){.fd = process->output, .events = POLLIN};
        self->polled[count++] = (struct pollfd){.fd = process->errors, .events = POLLIN};
    }
    poll(self->polled, count,
         until == INT64_MAX ? -1
         : until <= now     ? 0
         : wait_ms > 60000  ? 60000
                            : (int)wait_ms);
}

static void read_events(struct jobs_worker *self)
{
    uint64_t orders;
    if (self->polled[0].revents && read(self->orders, &orders, sizeof(orders)) < 0 && errno != EAGAIN)
        log_error("jobs: %s", strerror(errno));
    for (size_t i = 0; i < self->run_count; i++) {
        const struct pollfd *polled = &self->polled[COMMON_DESCRIPTORS + DESCRIPTORS_PER_JOB * i];
        struct job_run *run = self->runs[i];
        bool ran = run->running;
        if (polled[1].revents)
            job_run_read(run, JOB_STDOUT, self->scratch);
        if (polled[2].revents)
            job_run_read(run, JOB_STDERR, self->scratch);
        if (polled[0].revents)
            job_run_event(run, self->scratch);
        self->busy -= ran && !run->running;
        if (ran && run->exit.lost)
            clear_up_lost(self, run);
    }
}

static void *work(void *context)
{
    struct jobs_worker *self = context;
    const uint64_t one = 1;
    /* It begins with a round, by which the source learns of it. */
    self->look_us = clock_monotonic_us() + self->source->look_every_ms * 1000;
    for (;;) {
        int64_t now = clock_monotonic_us();
        arena_reset(self->scratch);
        check_stop(self, now);
        reload(self);
        look(self, now);
        talk(self, now);
        tidy(self, now);
        if (is_done(self, now))
            break;
        wait_for_events(self, clock_monotonic_us());
        read_events(self);
        /* What a killed supervisor left, and we killed. */
        if (self->busy == 0)
            while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
    }
    for (size_t i = 0; i < self->run_count; i++)
        job_run_free(self->runs[i]);
    self->run_count = 0;
    self->source->class->close(self->source);
    self->source = NULL;
    if (write(self->ended, &one, sizeof(one)) != sizeof(one))
        abort();
    return NULL;
}

/* --- Beginning and end --- */

static void free_worker(struct jobs_worker *self)
{
    if (self->source)
        self->source->class->close(self->source);
    for (size_t i = 0; i < self->types_arena_count; i++)
        arena_free(self->types_arenas[i]);
    if (self->scratch)
        arena_free(self->scratch);
    if (self->orders >= 0)
        close(self->orders);
    if (self->ended >= 0)
        close(self->ended);
    if (self->surroundings.cgroups >= 0)
        close(self->surroundings.cgroups);
    free(self->polled);
    free(self->runs);
    free(self);
}

static const char *folder_for_temporary(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && folder[0] == '/' ? folder : "/tmp";
}

static void set_surroundings(struct jobs_worker *self)
{
    const char *gateway = getenv("MLFLOW_GATEWAY_URI");
    self->surroundings = (struct job_surroundings){
        .tracking_uri = self->options.tracking_uri,
        .gateway_uri = gateway && gateway[0] ? gateway : self->options.tracking_uri,
        .temporary = folder_for_temporary(),
        .grace_ms = self->options.settings->jobs_kill_grace * 1000,
        .cgroups = job_cgroup_open(self->options.settings->jobs_cgroup),
        .alive = self->source->alive,
    };
}

static bool start_thread(struct jobs_worker *self)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int problem = pthread_create(&self->thread, &attributes, work, self);
    pthread_attr_destroy(&attributes);
    errno = problem;
    return problem == 0;
}

/* Orphans of jobs come to this process, and its secrets are not for jobs that run as the same user. */
static void set_up_process(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_DUMPABLE, 0);
}

struct jobs_worker *jobs_worker_start(const struct jobs_worker_options *options, struct arena *arena,
                                      struct sv *problem)
{
    struct jobs_worker *self = calloc(1, sizeof(*self));
    if (!self) {
        options->source->class->close(options->source);
        *problem = SV("there is no memory");
        return NULL;
    }
    self->options = *options;
    self->source = options->source;
    self->stop_us = INT64_MAX;
    self->max_jobs = (size_t)options->settings->jobs_per_worker;
    self->runs = calloc(2 * self->max_jobs, sizeof(struct job_run *));
    self->polled =
        calloc(COMMON_DESCRIPTORS + DESCRIPTORS_PER_JOB * 2 * self->max_jobs, sizeof(struct pollfd));
    self->scratch = arena_new(SCRATCH_LIMIT_BYTES);
    self->orders = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    set_surroundings(self);
    if (load_types(self, problem, arena)) {
        warn_of_unbounded(self);
        set_up_process();
        if (self->runs && self->polled && self->orders >= 0 && self->ended >= 0 && start_thread(self))
            return self;
        *problem = arena_printf(arena, "%s", strerror(errno));
    }
    free_worker(self);
    return NULL;
}

int jobs_worker_ended(const struct jobs_worker *self)
{
    return self->ended;
}

static void wake(struct jobs_worker *self)
{
    const uint64_t one = 1;
    if (write(self->orders, &one, sizeof(one)) != sizeof(one))
        abort();
}

void jobs_worker_reload(struct jobs_worker *self)
{
    atomic_store(&self->reload, true);
    wake(self);
}

void jobs_worker_stop(struct jobs_worker *self)
{
    atomic_store(&self->stop, true);
    wake(self);
}

struct jobs_worker_sums jobs_worker_join(struct jobs_worker *self)
{
    pthread_join(self->thread, NULL);
    struct jobs_worker_sums sums = self->sums;
    free_worker(self);
    return sums;
}
