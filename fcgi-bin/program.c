#include "fcgi-bin/program.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/version.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/permit.h"

#define MEMORY_LIMIT (64UL * 1024 * 1024) /* of what lives as long as the process */

/* The command line: our own options are taken out, the rest are settings. */
struct command_line {
    const char *config_file;
    const char *listen;
    const char *replay;
    bool help, version, operations;
    int argc;
    char **argv;
};

static const struct fastcgi_program *running;
static struct command_line command_line;
static struct arena *reloaded; /* the settings that the last SIGHUP brought */

static int take_arguments(struct command_line *line, int argc, char **argv)
{
    line->argv = argv;
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        if (strcmp(argv[i], "--help") == 0)
            line->help = true;
        else if (strcmp(argv[i], "--version") == 0)
            line->version = true;
        else if (strcmp(argv[i], "--operations") == 0)
            line->operations = true;
        else if (strcmp(argv[i], "--config") == 0)
            value = &line->config_file;
        else if (strcmp(argv[i], "--listen") == 0)
            value = &line->listen;
        else if (strcmp(argv[i], "--replay") == 0)
            value = &line->replay;
        else
            argv[line->argc++] = argv[i];
        if (!value)
            continue;
        if (++i == argc) {
            fprintf(stderr, "%s.fcgi: option %s needs a value\n", running->program.name, argv[i - 1]);
            return 2;
        }
        *value = argv[i];
    }
    return 0;
}

static void print_help(void)
{
    printf("Usage: %s.fcgi [OPTION]...\n"
           "%s, as a FastCGI program: on an inherited descriptor 0,\n"
           "on systemd's LISTEN_FDS, on --listen, or for one request as plain CGI.\n"
           "\n",
           running->program.name, running->summary);
    puts("  --listen unix:PATH|HOST:PORT  Listen there.\n"
         "  --config FILE                 Read settings from FILE.\n"
         "  --operations                  Print the operations that the program answers.\n"
         "  --replay FILE                 Answer the one HTTP request in FILE on standard output.\n"
         "  --version                     Print the version.\n"
         "  --help                        Print this text.\n"
         "\n"
         "Settings:");
    config_print_options(stdout);
}

static const char *aliases_of(enum api_root root)
{
    switch (root) {
    case ROOT_API_2:
    case ROOT_API_3:
        return "both";
    case ROOT_AJAX_2:
    case ROOT_AJAX_3:
        return "ajax";
    default:
        return "-";
    }
}

static const char *root_path(enum api_root root)
{
    switch (root) {
    case ROOT_API_2:
    case ROOT_API_2_ONLY:
        return "/api/2.0";
    case ROOT_API_3:
    case ROOT_API_3_ONLY:
        return "/api/3.0";
    case ROOT_AJAX_2:
        return "/ajax-api/2.0";
    case ROOT_AJAX_3:
        return "/ajax-api/3.0";
    default:
        return "";
    }
}

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "OTHER",
    };
    return names[method];
}

static void print_operations(void)
{
    for (const struct operation *const *table = running->program.tables; *table; table++) {
        for (const struct operation *row = *table; row->path; row++)
            printf("%s\t%s\t%s%s\t%s\t%s\t%s.fcgi\n", row->area, method_name(row->method),
                   root_path(row->root), row->path, aliases_of(row->root), row->name, running->program.name);
    }
}

static enum log_level log_level_of(struct sv name)
{
    if (sv_equal_ignoring_case(name, SV("error")))
        return LOG_LEVEL_ERROR;
    if (sv_equal_ignoring_case(name, SV("warning")))
        return LOG_LEVEL_WARNING;
    return sv_equal_ignoring_case(name, SV("debug")) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void start_log(const struct settings *settings)
{
    log_init(running->program.name, log_level_of(settings->log_level));
    if (settings->log_file.len && !log_open(settings->log_file.data))
        log_warning("the log file %.*s cannot be opened", SV_ARG(settings->log_file));
}

/* Settings of the request loop; they can change while the process runs. */
static bool make_server_settings(const struct settings *settings, struct arena *arena,
                                 struct server_settings *server, struct sv *problem)
{
    struct security_settings security = {
        .disabled = settings->disable_security_middleware,
        .allowed_hosts = settings->allowed_hosts,
        .allowed_origins = settings->cors_allowed_origins,
        .frame_options = settings->x_frame_options,
        .trusted_proxies = settings->trusted_proxies,
    };
    *server = (struct server_settings){
        .static_prefix = settings->static_prefix,
        .artifacts_only = settings->artifacts_only,
        .no_serve_artifacts = !settings->serve_artifacts,
        .threads = (unsigned)(running->threads ? running->threads(settings) : settings->threads),
        .security = security_new(&security, arena, problem),
    };
    return server->security != NULL;
}

/* On SIGHUP. What the store was opened with stays until the next start. */
static bool reload(void *context, struct server_settings *server)
{
    struct service *service = context;
    struct arena *arena = arena_new(MEMORY_LIMIT);
    struct config config;
    struct sv problem;
    if (!config_load(&config, arena, command_line.config_file, command_line.argc, command_line.argv,
                     &problem) ||
        !make_server_settings(&config.settings, arena, server, &problem)) {
        log_error("the settings stay as they are: %.*s", SV_ARG(problem));
        arena_free(arena);
        return false;
    }
    server->artifacts_only = !service->has_store;
    start_log(&config.settings);
    if (running->reload)
        running->reload(service, &config.settings);
    arena_free(reloaded);
    reloaded = arena;
    return true;
}

static int refuse_start(struct sv problem)
{
    fprintf(stderr, "%s.fcgi: %.*s\n", running->program.name, SV_ARG(problem));
    return 1;
}

static bool open_program(struct sv config_file, struct arena *arena, struct error *error)
{
    running->service->config_file = config_file;
    return !running->open || running->open(running->service, arena, error) == OK;
}

static int run(struct arena *arena)
{
    struct config config;
    struct sv problem;
    struct error error = {.code = ERROR_NONE};
    struct server_options options = {
        .program = &running->program,
        .hooks = service_hooks,
        .context = running->service,
        .listen = command_line.listen,
        .reload = reload,
    };
    if (!config_load(&config, arena, command_line.config_file, command_line.argc, command_line.argv,
                     &problem) ||
        !permit_check_rows(&running->program, arena, &problem) ||
        !make_server_settings(&config.settings, arena, &options.settings, &problem))
        return refuse_start(problem);
    start_log(&config.settings);
    if (config.settings.expose_prometheus.len)
        metrics_open(arena_cstr(arena, config.settings.expose_prometheus), running->program.name);
    if (service_open(running->service, running->program.name, &config.settings, arena, &error) != OK ||
        !open_program(config.file, arena, &error)) {
        service_close(running->service);
        security_free(options.settings.security);
        return refuse_start(error.detail.len ? error.detail : error.message);
    }
    if (running->service->auth)
        options.access = auth_hooks;
    int status = command_line.replay ? server_replay(&options, command_line.replay) : server_run(&options);
    if (running->close)
        running->close(running->service);
    service_close(running->service);
    arena_free(reloaded);
    reloaded = NULL;
    return status;
}

int program_main(const struct fastcgi_program *program, int argc, char **argv)
{
    running = program;
    int status = take_arguments(&command_line, argc, argv);
    if (status != 0)
        return status;
    if (command_line.help) {
        print_help();
    } else if (command_line.version) {
        printf("Tracklight %s (MLflow %s)\n", TRACKLIGHT_VERSION, MLFLOW_API_VERSION);
    } else if (command_line.operations) {
        print_operations();
    } else {
        struct arena *arena = arena_new(MEMORY_LIMIT);
        status = run(arena);
        arena_free(arena);
    }
    return status;
}
