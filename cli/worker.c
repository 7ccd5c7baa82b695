#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/worker_span_index.h"
#include "cli/worker_webhooks.h"
#include "common/base/log.h"
#include "common/store/outbox.h"
#include "common/store/uri.h"
#include "common/store/webhooks.h"

#define USAGE             "worker [--once | --status] [OPTIONS]"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)
#define MAX_ARGUMENTS     256
#define STOP_GRACE_MS     5000

struct worker_call {
    bool once, status, help;
    const char *config_file;
    char *rest[MAX_ARGUMENTS];
    int rest_count;
    struct config config;
    struct webhook_rules rules;
    struct store registry, tracking; /* often one database, opened once */
    struct sv key_path;
};

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "Do what is not done while a client waits: make the deliveries of webhooks, and index what spans\n"
        "say, for searches. `tracklight server` runs one worker itself. Others may be run beside it, on the\n"
        "same database.\n\n"
        "Options:\n"
        "  --once         Make the deliveries that are due, index what has come, then end; for cron, where\n"
        "                 nothing else runs all the time. A delivery that is to be tried again later is "
        "left\n"
        "                 to the next run.\n"
        "  --status       Show the deliveries of each webhook that wait, were made, or were given up, and\n"
        "                 the last problem, and end.\n"
        "  --config FILE  Read settings from FILE.\n"
        "  --help         Show this text.\n\n"
        "The settings are those of the server, and so are their options and environment variables: see\n"
        "`tracklight server --help`. --backend-store-uri and --registry-store-uri name the databases.\n\n"
        "SIGTERM and SIGINT end the worker; what is under way has %d s to end, and is made again by the\n"
        "next worker if that is not enough. SIGHUP reopens the log file.\n",
        STOP_GRACE_MS / 1000);
}

static int parse_arguments(struct worker_call *call, int argc, char **argv)
{
    if (argc > MAX_ARGUMENTS)
        return usage_error(USAGE, "Too many arguments.");
    for (int i = 1; i < argc; i++) {
        int config = take_option(argc, argv, &i, "--config", &call->config_file);
        if (config < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (strcmp(argv[i], "--once") == 0)
            call->once = true;
        else if (strcmp(argv[i], "--status") == 0)
            call->status = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            call->help = true;
        else if (!config)
            call->rest[call->rest_count++] = argv[i];
    }
    if (call->once && call->status)
        return usage_error(USAGE, "Options '--once' and '--status' exclude each other.");
    return EXIT_OK;
}

static int load_settings(struct worker_call *call, struct arena *arena)
{
    struct sv problem = SV_ABSENT;
    if (!config_load(&call->config, arena, call->config_file, call->rest_count, call->rest, &problem) ||
        !webhook_rules_from(&call->config.settings, arena, &call->rules, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    return EXIT_OK;
}

static int failed(const struct error *error)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(error->message), error->detail.len ? " (" : "",
                         SV_ARG(error->detail), error->detail.len ? ")" : "");
}

static int open_database(struct worker_call *call, struct sv path, struct arena *arena, struct store *store)
{
    const struct settings *settings = &call->config.settings;
    struct error error = {.code = ERROR_NONE};
    const struct db_options options = {
        .path = path,
        .durability =
            sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL,
        .max_readers = 3,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = !call->status,
    };
    store->db = db_open(&options, arena, &error);
    return store->db ? EXIT_OK : failed(&error);
}

/* Webhooks belong to the model registry, spans to tracking. */
static int open_stores(struct worker_call *call, struct arena *arena)
{
    const struct settings *settings = &call->config.settings;
    struct error error = {.code = ERROR_NONE};
    struct sv uri =
        settings->registry_store_uri.len ? settings->registry_store_uri : settings->backend_store_uri;
    struct sv registry, tracking;
    if (store_uri_path(arena, &error, uri, &registry) != OK ||
        store_uri_path(arena, &error, settings->backend_store_uri, &tracking) != OK ||
        webhook_key_path(arena, &error, uri, &call->key_path) != OK)
        return failed(&error);
    int status = open_database(call, registry, arena, &call->registry);
    if (status != EXIT_OK || call->status)
        return status;
    if (!sv_equal(registry, tracking))
        return open_database(call, tracking, arena, &call->tracking);
    call->tracking = call->registry;
    return EXIT_OK;
}

static void close_stores(struct worker_call *call)
{
    if (call->tracking.db && call->tracking.db != call->registry.db)
        db_close(call->tracking.db);
    if (call->registry.db)
        db_close(call->registry.db);
}

/* --- status --- */

static struct sv local_time(struct arena *arena, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];
    if (!localtime_r(&seconds, &parts))
        return SV("?");
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    return arena_copy(arena, sv_from(text));
}

static void print_summary(struct arena *arena, const struct outbox_summary *row)
{
    printf("%.*s %.*s%s %.*s\n    waiting %lld, delivered %lld, given up %lld\n", SV_ARG(row->webhook_id),
           SV_ARG(row->name), row->active ? "" : " (disabled)", SV_ARG(row->url), (long long)row->waiting,
           (long long)row->delivered, (long long)row->given_up);
    if (row->waiting)
        printf("    the oldest event that waits is of %.*s\n",
               SV_ARG(local_time(arena, row->oldest_waiting_ms)));
    if (row->last_problem.data)
        printf("    last problem, %.*s: %.*s\n", SV_ARG(local_time(arena, row->last_problem_ms)),
               SV_ARG(row->last_problem));
}

static int print_status(struct worker_call *call, struct arena *arena)
{
    struct error error = {.code = ERROR_NONE};
    const struct outbox_summary *rows;
    size_t count;
    struct store_tx *tx = store_begin(&call->registry, DB_READ, arena, &error);
    if (!tx || outbox_summarize(tx, &rows, &count) != OK) {
        if (tx)
            store_rollback(tx);
        return failed(&error);
    }
    store_rollback(tx);
    for (size_t i = 0; i < count; i++)
        print_summary(arena, &rows[i]);
    if (count == 0)
        printf("There are no webhooks.\n");
    return EXIT_OK;
}

/* --- working --- */

static int open_signals(void)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void start_log(const struct settings *settings)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    enum log_level level = LOG_LEVEL_INFO;
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (sv_equal(settings->log_level, sv_from(levels[i])))
            level = (enum log_level)i;
    }
    log_init("worker", level);
    if (settings->log_file.len && !log_open(settings->log_file.data))
        log_warning("the log file %.*s cannot be opened", SV_ARG(settings->log_file));
}

struct tasks {
    struct webhook_worker *webhooks;
    struct span_index_worker *span_index;
};

static void stop_tasks(const struct tasks *tasks)
{
    if (tasks->webhooks)
        webhook_worker_stop(tasks->webhooks, STOP_GRACE_MS);
    if (tasks->span_index)
        span_index_worker_stop(tasks->span_index);
}

/* Until all of the tasks have ended of themselves, or are told to. */
static void wait_for_end(const struct tasks *tasks, const struct settings *settings, int signals)
{
    struct pollfd polled[] = {{.fd = webhook_worker_ended(tasks->webhooks), .events = POLLIN},
                              {.fd = span_index_worker_ended(tasks->span_index), .events = POLLIN},
                              {.fd = signals, .events = POLLIN}};
    enum { TASKS = sizeof(polled) / sizeof(polled[0]) - 1 };
    for (int ended = 0; ended < TASKS;) {
        struct signalfd_siginfo info;
        if (poll(polled, TASKS + 1, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < TASKS; i++) {
            if (polled[i].fd < 0 || !polled[i].revents)
                continue;
            polled[i].fd = -1; /* poll passes over it */
            ended++;
        }
        while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            if (info.ssi_signo != SIGHUP) {
                stop_tasks(tasks);
                return;
            }
            start_log(settings);
        }
    }
}

static bool start_tasks(struct worker_call *call, struct tasks *tasks)
{
    const struct webhook_worker_options options = {
        .store = &call->registry,
        .rules = &call->rules,
        .settings = &call->config.settings,
        .key_path = call->key_path,
        .once = call->once,
    };
    tasks->webhooks = webhook_worker_start(&options);
    tasks->span_index = tasks->webhooks ? span_index_worker_start(&call->tracking, call->once) : NULL;
    return tasks->span_index != NULL;
}

/* Waits for what has been started. */
static int end_tasks(const struct worker_call *call, const struct tasks *tasks)
{
    struct webhook_worker_sums webhooks = {0};
    struct span_index_worker_sums spans = {0};
    if (tasks->webhooks)
        webhooks = webhook_worker_join(tasks->webhooks);
    if (tasks->span_index)
        spans = span_index_worker_join(tasks->span_index);
    if (!call->once)
        return EXIT_OK;
    printf("%lld delivered, %lld to be tried again, %lld given up\n", (long long)webhooks.delivered,
           (long long)webhooks.postponed, (long long)webhooks.given_up);
    if (spans.spans)
        printf("%lld spans indexed\n", (long long)spans.spans);
    return webhooks.trouble || spans.trouble ? EXIT_FAILED : EXIT_OK;
}

static int run_worker(struct worker_call *call, int signals)
{
    struct tasks tasks = {0};
    if (signals < 0 || !start_tasks(call, &tasks)) {
        int problem = errno;
        stop_tasks(&tasks);
        end_tasks(call, &tasks);
        return command_error("the worker cannot be started: %s", strerror(problem));
    }
    wait_for_end(&tasks, &call->config.settings, signals);
    return end_tasks(call, &tasks);
}

static int run_with_arena(struct worker_call *call, struct arena *arena)
{
    int status = load_settings(call, arena);
    if (status != EXIT_OK)
        return status;
    start_log(&call->config.settings);
    /* Before the first thread, which would take signals otherwise. */
    int signals = call->status ? -1 : open_signals();
    status = open_stores(call, arena);
    if (status == EXIT_OK)
        status = call->status ? print_status(call, arena) : run_worker(call, signals);
    close_stores(call);
    if (signals >= 0)
        close(signals);
    return status;
}

int worker_command(int argc, char **argv)
{
    struct worker_call call = {0};
    int status = parse_arguments(&call, argc, argv);
    if (status != EXIT_OK)
        return status;
    if (call.help) {
        print_help();
        return EXIT_OK;
    }
    struct arena *arena = arena_new(ARENA_LIMIT_BYTES);
    status = run_with_arena(&call, arena);
    arena_free(arena);
    return status;
}
