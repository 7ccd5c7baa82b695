#include "cli/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/lighttpd_conf.h"
#include "cli/routes.h"
#include "cli/server_messages.h"
#include "cli/supervisor.h"
#include "cli/ui_directory.h"
#include "common/artifacts/resolve.h"
#include "common/base/clock.h"
#include "common/base/number.h"
#include "common/http/limits.h"
#include "common/http/listen.h"

#define CONFIGURATION_LIMIT_BYTES (256 * 1024)
#define OPERATIONS_LIMIT_BYTES    (1024 * 1024)
#define OPERATIONS_TIMEOUT_MS     5000
#define MAX_DESCRIPTORS           8192
#define OTHER_DESCRIPTORS         64 /* that are not a client's connection */

/* In the order of their names; the first gets every path that belongs to no other. A program that is not
 * installed is left out. */
static const char *const program_names[] = {"tracking", "artifacts", "gateway", "jobs"};
#define PROGRAM_COUNT (sizeof(program_names) / sizeof(program_names[0]))

struct suite {
    const struct config *config;
    const struct installation *installation;
    const struct run_directory *run;
    struct arena *arena;
    struct supervisor supervisor;
    size_t program_count;
    const char *names[PROGRAM_COUNT];
    const char *paths[PROGRAM_COUNT];
    int sockets[PROGRAM_COUNT];
    const char *arguments[PROGRAM_COUNT][2];
    const char *worker_arguments[3];
    const char *web_arguments[5];
    bool sends_files; /* the web server hears X-Sendfile of artifacts.fcgi */
};

static bool find_programs(struct suite *suite)
{
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        struct sv file = arena_printf(suite->arena, "%s.fcgi", program_names[i]);
        const char *path = installation_program(suite->installation, suite->arena, file.data);
        if (path) {
            suite->names[suite->program_count] = program_names[i];
            suite->paths[suite->program_count++] = path;
        }
    }
    return suite->program_count > 0 && suite->names[0] == program_names[0];
}

static pid_t start_operations(const char *path, int *output)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        char *arguments[] = {(char *)path, (char[]){"--operations"}, NULL};
        if (supervisor_prepare_child(parent) && dup2(ends[1], STDOUT_FILENO) >= 0)
            execv(path, arguments);
        _exit(EXIT_FAILED);
    }
    close(ends[1]);
    *output = ends[0];
    return pid;
}

static bool read_operations(int output, struct buffer *text)
{
    int64_t deadline = clock_monotonic_us() + OPERATIONS_TIMEOUT_MS * 1000L;
    for (;;) {
        struct pollfd polled = {.fd = output, .events = POLLIN};
        int64_t left_ms = (deadline - clock_monotonic_us()) / 1000;
        char *room = buffer_reserve(text, 4096);
        if (!room || left_ms <= 0 || poll(&polled, 1, (int)left_ms) < 0)
            return false;
        if (!polled.revents)
            continue;
        ssize_t got = read(output, room, 4096);
        if (got <= 0)
            return got == 0;
        text->len += (size_t)got;
    }
}

static bool ask_program(struct suite *suite, size_t program, struct operation_paths *paths)
{
    int output = -1, status = 0;
    pid_t pid = start_operations(suite->paths[program], &output);
    if (pid < 0)
        return false;
    struct buffer text;
    buffer_init(&text, OPERATIONS_LIMIT_BYTES);
    bool done = read_operations(output, &text);
    if (!done)
        kill(pid, SIGKILL);
    close(output);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    done = done && status == 0 &&
           routes_read(paths, program, buffer_sv(&text), suite->config->settings.static_prefix, suite->arena);
    buffer_free(&text);
    return done;
}

/* One program alone gets everything, and needs not be asked what it answers. */
static bool find_routes(struct suite *suite, struct lighttpd_conf *conf)
{
    struct operation_paths paths = {0};
    for (size_t i = 0; suite->program_count > 1 && i < suite->program_count; i++) {
        if (!ask_program(suite, i, &paths)) {
            command_error("%s --operations does not say which paths the program answers.", suite->paths[i]);
            return false;
        }
    }
    conf->rules = routes_rules(&paths, suite->arena, &conf->rule_count);
    return true;
}

/* htdocs/PREFIX in the run directory leads to the pages, so that the web server needs no rewriting. A web
 * page of MLflow's is laid out otherwise, and only the folder is there, for the sake of its name without the
 * slash. */
static bool link_htdocs(const struct suite *suite, bool is_ours)
{
    struct sv path = arena_printf(suite->arena, "%s/htdocs%.*s%s", suite->run->path,
                                  SV_ARG(suite->config->settings.static_prefix), is_ours ? "" : "/");
    for (size_t i = strlen(suite->run->path) + 1; i < path.len; i++) {
        if (path.data[i] == '/' && mkdir(arena_cstr(suite->arena, sv_first(path, i)), 0700) != 0 &&
            errno != EEXIST)
            return false;
    }
    return !is_ours || symlink(suite->installation->htdocs, path.data) == 0;
}

static bool link_log(const struct suite *suite)
{
    struct sv file = suite->config->settings.log_file;
    char directory[4096];
    if (file.data[0] != '/') {
        if (!getcwd(directory, sizeof(directory)))
            return false;
        file = arena_printf(suite->arena, "%s/%.*s", directory, SV_ARG(file));
    }
    return symlinkat(arena_cstr(suite->arena, file), suite->run->fd, "log") == 0;
}

static unsigned descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > MAX_DESCRIPTORS)
        return MAX_DESCRIPTORS;
    return limit.rlim_max > 2 * OTHER_DESCRIPTORS ? (unsigned)limit.rlim_max : 2 * OTHER_DESCRIPTORS;
}

/* The most that listen(2) grants. */
static unsigned kernel_backlog(void)
{
    char text[24] = "";
    int64_t value = LISTEN_BACKLOG;
    int fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    if (len <= 0 ||
        !parse_int64(sv_trim((struct sv){text, (size_t)len}), LISTEN_BACKLOG, MAX_DESCRIPTORS, &value))
        return LISTEN_BACKLOG;
    return (unsigned)value;
}

/* Each client's connection takes a descriptor, and another to a program. A program's queue holds as many as
 * there can be: lighttpd takes a full one for a dead program and answers 503 to everybody for a second. */
static unsigned connection_limit(void)
{
    unsigned descriptors = (descriptor_limit() - OTHER_DESCRIPTORS) / 2, backlog = kernel_backlog();
    return descriptors < backlog ? descriptors : backlog;
}

/* As the programs understand the setting, which was checked before. */
static struct sv page_frame_options(struct sv setting)
{
    struct sv value = sv_trim(setting);
    if (sv_equal_ignoring_case(value, SV("DENY")))
        return SV("DENY");
    return sv_equal_ignoring_case(value, SV("SAMEORIGIN")) ? SV("SAMEORIGIN") : SV("");
}

static bool is_set(const struct config *config, const char *name)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (strcmp(setting_table[i].name, name) == 0)
            return config->sources[i] != SETTING_DEFAULT;
    }
    return false;
}

/* lighttpd sends the files of the artifacts destination itself, if the administrator did not decide otherwise
 * and its configuration can name the folder. */
static void choose_sendfile(struct suite *suite, struct lighttpd_conf *conf)
{
    const struct settings *settings = &suite->config->settings;
    bool wanted =
        is_set(suite->config, "x_sendfile") ? sv_equal(settings->x_sendfile, SV("x-sendfile")) : true;
    char directory[PATH_MAX];
    if (!wanted || !getcwd(directory, sizeof(directory)) ||
        !artifact_local_directory(suite->arena, sv_from(directory), settings->artifacts_destination,
                                  &conf->sendfile_root) ||
        !is_plain_path(conf->sendfile_root))
        return;
    for (size_t i = 0; i < suite->program_count; i++) {
        if (strcmp(suite->names[i], "artifacts") == 0)
            conf->sendfile_program = suite->names[i];
    }
    suite->sends_files = conf->sendfile_program != NULL;
}

static bool fill_run_directory(struct suite *suite)
{
    const struct settings *settings = &suite->config->settings;
    struct lighttpd_conf conf = {
        .programs = suite->names,
        .program_count = suite->program_count,
        .static_prefix = settings->static_prefix,
        .has_htdocs = suite->installation->htdocs != NULL,
        .has_log = settings->log_file.len > 0,
        .stamped = !settings->disable_security_middleware,
        .frame_options = page_frame_options(settings->x_frame_options),
        .max_descriptors = descriptor_limit(),
        .max_connections = connection_limit(),
    };
    struct sv problem;
    if (!find_routes(suite, &conf))
        return false;
    if (!ui_directory_find(settings, suite->arena, &conf.ui_dir, &problem)) {
        command_error("%.*s", SV_ARG(problem));
        return false;
    }
    choose_sendfile(suite, &conf);
    struct buffer text;
    buffer_init(&text, CONFIGURATION_LIMIT_BYTES);
    lighttpd_conf_write(&conf, &text);
    bool written = !text.failed && run_directory_write(suite->run, "lighttpd.conf", buffer_sv(&text)) &&
                   mkdirat(suite->run->fd, "upload", 0700) == 0 &&
                   link_htdocs(suite, conf.has_htdocs && !conf.ui_dir.len) &&
                   (!conf.has_log || link_log(suite));
    buffer_free(&text);
    if (!written)
        command_error("the run directory %s cannot be written: %s", suite->run->path, strerror(errno));
    return written;
}

/* The name of a unix socket may have 107 bytes, which a deep directory exceeds: so the sockets are made from
 * within it. */
static bool open_sockets(struct suite *suite)
{
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0 || fchdir(suite->run->fd) != 0) {
        command_error("the directory cannot be changed: %s", strerror(errno));
        return false;
    }
    const char *problem = NULL;
    for (size_t i = 0; i < suite->program_count && !problem; i++) {
        struct sv address = arena_printf(suite->arena, "unix:%s.sock", suite->names[i]);
        suite->sockets[i] = listen_open(address.data, &problem);
        if (!problem && listen(suite->sockets[i], (int)connection_limit()) != 0)
            problem = strerror(errno);
    }
    if (fchdir(here) != 0)
        problem = "the way back from it is gone";
    close(here);
    if (problem)
        command_error("the sockets in %s cannot be made: %s", suite->run->path, problem);
    return !problem;
}

static void add_processes(struct suite *suite)
{
    for (size_t i = 0; i < suite->program_count; i++) {
        int64_t processes = i == 0 ? suite->config->settings.workers : 1;
        suite->arguments[i][0] = suite->paths[i];
        for (int64_t n = 0; n < processes; n++)
            supervisor_add(&suite->supervisor, arena_printf(suite->arena, "%s.fcgi", suite->names[i]).data,
                           suite->arguments[i], suite->sockets[i]);
    }
    /* With --artifacts-only there is no database, and so nothing to be done. */
    if (!suite->config->settings.artifacts_only && suite->installation->command) {
        suite->worker_arguments[0] = suite->installation->command;
        suite->worker_arguments[1] = "worker";
        supervisor_add(&suite->supervisor, "tracklight worker", suite->worker_arguments,
                       SUPERVISOR_NO_SOCKET);
    }
    const char *const arguments[] = {suite->installation->web_server, "-D", "-f", "lighttpd.conf", NULL};
    memcpy(suite->web_arguments, arguments, sizeof(arguments));
    supervisor_add(&suite->supervisor, "lighttpd", suite->web_arguments, SUPERVISOR_WEB_SERVER);
}

/* Jobs find the server by it, as MLflow's do: whatever the variable was for the one who starts the server. */
static bool tell_address(const struct suite *suite, const struct listener *listener)
{
    struct sv host = suite->config->settings.host;
    if (sv_equal(host, SV("0.0.0.0")) || sv_equal(host, SV("::")))
        host = SV("127.0.0.1");
    bool brackets = sv_find(host, ':') < host.len;
    struct sv uri = arena_printf(suite->arena, "http://%s%.*s%s:%u", brackets ? "[" : "", SV_ARG(host),
                                 brackets ? "]" : "", listener->port);
    return setenv("MLFLOW_TRACKING_URI", uri.data, 1) == 0;
}

static void ready(void *context)
{
    const struct suite *suite = context;
    const struct settings *settings = &suite->config->settings;
    say_ready(settings->host, suite->supervisor.listener->port, settings->static_prefix);
    malloc_trim(0);
}

int suite_run(const struct config *config, const struct installation *installation, struct listener *listener,
              const struct run_directory *run, struct arena *arena)
{
    struct suite suite = {.config = config, .installation = installation, .run = run, .arena = arena};
    if (!find_programs(&suite))
        return command_error("tracking.fcgi is not installed: it belongs into %s.",
                             installation->programs ? installation->programs
                                                    : "../fcgi-bin or ../lib/tracklight/fcgi-bin");
    if (!fill_run_directory(&suite) || !open_sockets(&suite))
        return EXIT_FAILED;
    if (!config_export(config) || !tell_address(&suite, listener) ||
        setenv("TRACKLIGHT_X_SENDFILE", suite.sends_files ? "x-sendfile" : "off", 1) != 0)
        return command_error("the settings cannot be handed to the programs: %s", strerror(errno));
    suite.supervisor.listener = listener;
    suite.supervisor.web_directory = run->path;
    suite.supervisor.health_path =
        arena_printf(arena, "%.*s/health", SV_ARG(config->settings.static_prefix)).data;
    suite.supervisor.ready = ready;
    suite.supervisor.context = &suite;
    add_processes(&suite);
    if (!listener_listen(listener))
        return command_error("port %u cannot be listened on: %s", listener->port, strerror(errno));
    int status = supervisor_run(&suite.supervisor);
    for (size_t i = 0; i < suite.program_count; i++)
        close(suite.sockets[i]);
    return status;
}
