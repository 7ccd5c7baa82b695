#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/worker_call.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/store/uri.h"
#include "common/store/webhooks.h"

#define USAGE             "worker [--once | --status] [OPTIONS]"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "Do what is not done while a client waits: make the deliveries of webhooks, index what spans say, "
        "for\n"
        "searches, remove what the rules of retention do not keep, and run jobs, if they are enabled. "
        "`tracklight\n"
        "server` runs one worker itself. Others may be run beside it, on the same database.\n\n"
        "Options:\n"
        "  --once         Do what is due, then end; for cron, where nothing else runs all the time. What is\n"
        "                 to be tried again later is left to the next run.\n"
        "  --jobs N       Run jobs, up to N at a time: the same as --enable-jobs --jobs-per-worker N.\n"
        "  --server URL   Run jobs of that server, on another host, and do nothing else. The server knows "
        "the\n"
        "                 worker by a token: jobs_worker_token_file, or TRACKLIGHT_JOBS_WORKER_TOKEN. The "
        "types\n"
        "                 of jobs are declared here as well as there.\n"
        "  --status       Show the deliveries of each webhook that wait, were made, or were given up, and\n"
        "                 the last problem; the workers that run jobs, and how many jobs there are; and "
        "end.\n"
        "  --config FILE  Read settings from FILE.\n"
        "  --help         Show this text.\n\n"
        "The settings are those of the server, and so are their options and environment variables: see\n"
        "`tracklight server --help`. --backend-store-uri and --registry-store-uri name the databases.\n\n"
        "SIGTERM and SIGINT end the worker. A delivery that is under way has %d s to end, and is made again\n"
        "by the next worker if that is not enough; jobs have jobs_stop_timeout, and are given back to the\n"
        "queue. SIGHUP reopens the log file, and rereads the types of jobs.\n",
        WORKER_STOP_GRACE_MS / 1000);
}

/* Without the slash at its end. */
static bool is_server(struct worker_call *call)
{
    static char address[1024];
    size_t len = strlen(call->server);
    while (len > 0 && call->server[len - 1] == '/')
        len--;
    if (len >= sizeof(address))
        return false;
    memcpy(address, call->server, len);
    call->server = address;
    return strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0;
}

static void pass_on(struct worker_call *call, char *argument)
{
    call->rest[call->rest_count++] = argument;
}

static int parse_arguments(struct worker_call *call, int argc, char **argv)
{
    static char enable[] = "--enable-jobs", per_worker[] = "--jobs-per-worker";
    const char *jobs;
    if (argc > WORKER_MAX_ARGUMENTS / 3)
        return usage_error(USAGE, "Too many arguments.");
    for (int i = 1; i < argc; i++) {
        int config = take_option(argc, argv, &i, "--config", &call->config_file);
        int enabling = config ? 0 : take_option(argc, argv, &i, "--jobs", &jobs);
        int serving = config || enabling ? 0 : take_option(argc, argv, &i, "--server", &call->server);
        if (config < 0 || enabling < 0 || serving < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (strcmp(argv[i], "--once") == 0)
            call->once = true;
        else if (strcmp(argv[i], "--status") == 0)
            call->status = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            call->help = true;
        else if (enabling) {
            pass_on(call, enable);
            pass_on(call, per_worker);
            pass_on(call, (char *)jobs);
        } else if (!config && !serving)
            pass_on(call, argv[i]);
    }
    if (call->once && call->status)
        return usage_error(USAGE, "Options '--once' and '--status' exclude each other.");
    if (call->status && call->server)
        return usage_error(USAGE, "Options '--status' and '--server' exclude each other.");
    if (call->server && !is_server(call))
        return usage_error(USAGE,
                           "'%s' is not the address of a server, such as https://tracking.example.org.",
                           call->server);
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

int worker_failed(const struct error *error)
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
    return store->db ? EXIT_OK : worker_failed(&error);
}

/* Webhooks belong to the model registry, spans and jobs to tracking. */
static int open_stores(struct worker_call *call, struct arena *arena)
{
    const struct settings *settings = &call->config.settings;
    struct error error = {.code = ERROR_NONE};
    struct sv uri =
        settings->registry_store_uri.len ? settings->registry_store_uri : settings->backend_store_uri;
    struct sv registry;
    if (store_uri_path(arena, &error, uri, &registry) != OK ||
        store_uri_path(arena, &error, settings->backend_store_uri, &call->tracking_path) != OK ||
        webhook_key_path(arena, &error, uri, &call->key_path) != OK)
        return worker_failed(&error);
    int status = open_database(call, registry, arena, &call->registry);
    if (status != EXIT_OK)
        return status;
    if (!sv_equal(registry, call->tracking_path))
        return open_database(call, call->tracking_path, arena, &call->tracking);
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

static int run_with_arena(struct worker_call *call, struct arena *arena)
{
    int status = load_settings(call, arena);
    if (status != EXIT_OK)
        return status;
    start_log(&call->config.settings);
    if (!call->status && call->config.settings.expose_prometheus.len)
        metrics_open(arena_cstr(arena, call->config.settings.expose_prometheus), "worker");
    /* Before the first thread, which would take signals otherwise. */
    int signals = call->status ? -1 : open_signals();
    status = call->server ? EXIT_OK : open_stores(call, arena);
    if (status == EXIT_OK)
        status = call->status ? worker_print_status(call, arena) : worker_run(call, arena, signals);
    close_stores(call);
    metrics_close();
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
