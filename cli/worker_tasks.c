#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/worker_call.h"
#include "cli/worker_jobs.h"
#include "cli/worker_retention.h"
#include "cli/worker_span_index.h"
#include "cli/worker_webhooks.h"
#include "common/base/worker_mark.h"
#include "common/base/log.h"
#include "common/jobs/worker_token.h"

/* What the worker does, side by side; NULL: not that. */
struct tasks {
    struct webhook_worker *webhooks;
    struct span_index_worker *span_index;
    struct jobs_worker *jobs;
    struct retention_worker *retention;
};
#define TASKS 4

/* --- Starting --- */

/* Where jobs find the server, if nobody says so: at the address of the settings. */
static const char *tracking_uri(const struct worker_call *call, struct arena *arena)
{
    const char *uri = call->server ? call->server : getenv("MLFLOW_TRACKING_URI");
    const struct settings *settings = &call->config.settings;
    if (uri && uri[0])
        return uri;
    bool anywhere = sv_equal(settings->host, SV("0.0.0.0")) || sv_equal(settings->host, SV("::"));
    struct sv host = anywhere ? SV("127.0.0.1") : settings->host;
    bool brackets = sv_find(host, ':') < host.len;
    return arena_printf(arena, "http://%s%.*s%s:%lld", brackets ? "[" : "", SV_ARG(host), brackets ? "]" : "",
                        (long long)settings->port)
        .data;
}

static struct job_source *open_source(struct worker_call *call, struct arena *arena, struct sv *problem)
{
    const struct settings *settings = &call->config.settings;
    struct error error = {.code = ERROR_NONE};
    struct sv token;
    if (!call->server)
        return job_source_database(&call->tracking, call->tracking_path, settings, arena);
    if (!job_worker_token(settings, arena, &token, problem))
        return NULL;
    if (!token.data) {
        *problem = SV("--server needs a token: set jobs_worker_token_file or TRACKLIGHT_JOBS_WORKER_TOKEN.");
        return NULL;
    }
    struct job_source *source = job_source_http(call->server, token, settings, arena, &error);
    if (!source)
        *problem = error.message;
    return source;
}

static bool start_jobs(struct worker_call *call, struct arena *arena, struct tasks *tasks, struct sv *problem)
{
    struct jobs_worker_options options = {
        .source = open_source(call, arena, problem),
        .settings = &call->config.settings,
        .config_file = call->config.file,
        .tracking_uri = tracking_uri(call, arena),
        .once = call->once,
    };
    tasks->jobs = options.source ? jobs_worker_start(&options, arena, problem) : NULL;
    return tasks->jobs != NULL;
}

static bool start_tasks(struct worker_call *call, struct arena *arena, struct tasks *tasks,
                        struct sv *problem)
{
    const struct settings *settings = &call->config.settings;
    const struct webhook_worker_options options = {
        .store = &call->registry,
        .rules = &call->rules,
        .settings = settings,
        .key_path = call->key_path,
        .once = call->once,
    };
    struct retention_rules rules;
    if (!retention_rules_from(settings, arena, &rules, problem))
        return false;
    if ((call->server || settings->enable_jobs) && settings->jobs_per_worker > 0 &&
        !start_jobs(call, arena, tasks, problem))
        return false;
    if (call->server)
        return true;
    tasks->webhooks = webhook_worker_start(&options);
    tasks->span_index = tasks->webhooks ? span_index_worker_start(&call->tracking, call->once) : NULL;
    if (!tasks->span_index || !(rules.deleted_runs_ms || rules.traces_ms))
        return tasks->span_index != NULL;
    tasks->retention = retention_worker_start(&call->tracking, settings, &rules, call->once);
    return tasks->retention != NULL;
}

/* --- Until the end --- */

static void stop_tasks(const struct tasks *tasks)
{
    if (tasks->jobs)
        jobs_worker_stop(tasks->jobs);
    if (tasks->webhooks)
        webhook_worker_stop(tasks->webhooks, WORKER_STOP_GRACE_MS);
    if (tasks->span_index)
        span_index_worker_stop(tasks->span_index);
    if (tasks->retention)
        retention_worker_stop(tasks->retention);
}

static void reload(const struct tasks *tasks, const struct settings *settings)
{
    if (settings->log_file.len && !log_open(settings->log_file.data))
        log_warning("the log file %.*s cannot be opened", SV_ARG(settings->log_file));
    if (tasks->jobs)
        jobs_worker_reload(tasks->jobs);
}

/* Until all of the tasks have ended of themselves, or are told to. */
static void wait_for_end(const struct tasks *tasks, const struct settings *settings, int signals)
{
    struct pollfd polled[TASKS + 1] = {
        {.fd = tasks->webhooks ? webhook_worker_ended(tasks->webhooks) : -1, .events = POLLIN},
        {.fd = tasks->span_index ? span_index_worker_ended(tasks->span_index) : -1, .events = POLLIN},
        {.fd = tasks->jobs ? jobs_worker_ended(tasks->jobs) : -1, .events = POLLIN},
        {.fd = tasks->retention ? retention_worker_ended(tasks->retention) : -1, .events = POLLIN},
        {.fd = signals, .events = POLLIN}};
    for (;;) {
        struct signalfd_siginfo info;
        int running = 0;
        for (int i = 0; i < TASKS; i++)
            running += polled[i].fd >= 0;
        if (running == 0 || (poll(polled, TASKS + 1, -1) < 0 && errno != EINTR))
            return;
        for (int i = 0; i < TASKS; i++) {
            if (polled[i].revents)
                polled[i].fd = -1; /* poll passes over it */
        }
        while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            if (info.ssi_signo != SIGHUP) {
                stop_tasks(tasks);
                return;
            }
            reload(tasks, settings);
        }
    }
}

/* Waits for what has been started. */
static int end_tasks(const struct worker_call *call, const struct tasks *tasks)
{
    struct webhook_worker_sums webhooks = {0};
    struct span_index_worker_sums spans = {0};
    struct jobs_worker_sums jobs = {0};
    struct retention_worker_sums retention = {0};
    if (tasks->webhooks)
        webhooks = webhook_worker_join(tasks->webhooks);
    if (tasks->span_index)
        spans = span_index_worker_join(tasks->span_index);
    if (tasks->jobs)
        jobs = jobs_worker_join(tasks->jobs);
    if (tasks->retention)
        retention = retention_worker_join(tasks->retention);
    if (!call->once)
        return EXIT_OK;
    if (tasks->webhooks)
        printf("%lld delivered, %lld to be tried again, %lld given up\n", (long long)webhooks.delivered,
               (long long)webhooks.postponed, (long long)webhooks.given_up);
    if (spans.spans)
        printf("%lld spans indexed\n", (long long)spans.spans);
    if (tasks->jobs)
        printf("%lld jobs succeeded, %lld failed, %lld to be run again\n", (long long)jobs.succeeded,
               (long long)jobs.failed, (long long)jobs.again);
    if (retention.runs || retention.traces)
        printf("%lld deleted runs and %lld old traces removed\n", (long long)retention.runs,
               (long long)retention.traces);
    return webhooks.trouble || spans.trouble || jobs.trouble || retention.trouble ? EXIT_FAILED : EXIT_OK;
}

int worker_run(struct worker_call *call, struct arena *arena, int signals)
{
    struct tasks tasks = {0};
    struct sv problem = SV_ABSENT;
    if (signals < 0 || !start_tasks(call, arena, &tasks, &problem)) {
        if (!problem.data)
            problem = sv_from(strerror(errno));
        stop_tasks(&tasks);
        end_tasks(call, &tasks);
        return command_error("the worker cannot be started: %.*s", SV_ARG(problem));
    }
    int mark = call->server ? -1 : worker_mark_hold(call->tracking_path);
    wait_for_end(&tasks, &call->config.settings, signals);
    if (mark >= 0)
        close(mark);
    return end_tasks(call, &tasks);
}
