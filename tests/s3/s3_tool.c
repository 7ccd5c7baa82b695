/* Drives a repository of artifacts from the command line, for the tests of this folder.
 *
 *   s3_tool URI list PATH                 one line for each entry: d or f, size, name
 *   s3_tool URI stat PATH                 size, seconds of the last change, etag
 *   s3_tool URI get PATH [FROM TO]        the bytes to standard output; info as "stat" to standard error
 *   s3_tool URI get-slowly PATH MS        the same with a pause before each read
 *   s3_tool URI put PATH SIZE [STOP]      from standard input; SIZE -1: not announced; gives up after STOP
 * bytes s3_tool URI remove PATH s3_tool URI upload-create PATH PARTS  the id, then one URL to a line s3_tool
 * URI upload-complete PATH ID NUMBER=ETAG... s3_tool URI upload-abort PATH ID
 *
 * Exit status 0; 1 with "CODE message" on standard error, CODE as in common/base/error.h; 2 for misuse. The
 * last line on standard error is "peak N": the most memory in KiB. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/artifacts/repository.h"
#include "common/base/log.h"
#include "common/base/number.h"

#define ARENA_LIMIT (256UL * 1024 * 1024)
#define PARTS_LIMIT 10000

static struct arena *arena;
static struct error error;
static struct repository *repository;
static char piece[256 * 1024];

static int64_t number(const char *text)
{
    int64_t value = 0;
    if (!parse_int64(sv_from(text), -1, INT64_MAX, &value))
        exit(2);
    return value;
}

/* Of this program alone; getrusage(2) would count what was before exec, too. */
static long peak_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long peak = 0;
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    }
    if (status)
        fclose(status);
    return peak;
}

static void print_info(FILE *out, const struct artifact_info *info)
{
    fprintf(out, "%" PRId64 " %" PRId64 " %.*s\n", info->size, info->modified_s, SV_ARG(info->etag));
}

static enum status list(struct sv path)
{
    struct artifact_entry *entries;
    size_t count;
    if (repository->kind->list(repository, path, &entries, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++)
        printf("%c %" PRId64 " %.*s\n", entries[i].is_dir ? 'd' : 'f', entries[i].size,
               SV_ARG(entries[i].name));
    return OK;
}

static enum status get(struct sv path, struct artifact_range range, int64_t pause_ms)
{
    struct artifact_info info;
    struct artifact_source *source;
    if (repository->kind->open(repository, path, range, &info, &source) != OK)
        return FAILED;
    print_info(stderr, &info);
    long got;
    do {
        struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        got = repository->kind->read(source, piece, sizeof(piece));
        if (got > 0 && fwrite(piece, 1, (size_t)got, stdout) != (size_t)got)
            break;
    } while (got > 0);
    repository->kind->close(source);
    return got == 0 ? OK : FAILED;
}

static enum status put(struct sv path, int64_t size, int64_t stop)
{
    struct artifact_sink *sink;
    if (repository->kind->create(repository, path, size, &sink) != OK)
        return FAILED;
    int64_t written = 0;
    ssize_t got;
    while ((got = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
        if (repository->kind->write(sink, piece, (size_t)got) != OK) {
            repository->kind->abandon(sink);
            return FAILED;
        }
        written += got;
        if (stop >= 0 && written >= stop) {
            repository->kind->abandon(sink);
            return OK;
        }
    }
    return repository->kind->finish(sink);
}

static enum status upload_create(struct sv path, int64_t parts)
{
    struct sv id;
    struct artifact_part_url *urls;
    if (repository->kind->multipart_create(repository, path, parts, &id, &urls) != OK)
        return FAILED;
    printf("%.*s\n", SV_ARG(id));
    for (int64_t i = 0; i < parts; i++)
        printf("%.*s\n", SV_ARG(urls[i].url));
    return OK;
}

static enum status upload_complete(struct sv path, struct sv id, char **arguments, int count)
{
    struct artifact_part *parts = ARENA_ARRAY(arena, struct artifact_part, PARTS_LIMIT);
    for (int i = 0; i < count && i < PARTS_LIMIT; i++) {
        struct sv rest = sv_from(arguments[i]);
        parts[i].number = number(arena_cstr(arena, sv_cut(&rest, '=')));
        parts[i].etag = rest;
    }
    return repository->kind->multipart_complete(repository, path, id, parts, (size_t)count);
}

static enum status run(int argc, char **argv)
{
    const char *verb = argv[2];
    struct sv path = sv_from(argv[3]);
    if (strcmp(verb, "list") == 0)
        return list(path);
    if (strcmp(verb, "remove") == 0)
        return repository->kind->remove(repository, path);
    if (strcmp(verb, "stat") == 0) {
        struct artifact_info info;
        if (repository->kind->stat(repository, path, &info) != OK)
            return FAILED;
        print_info(stdout, &info);
        return OK;
    }
    if (strcmp(verb, "get") == 0) {
        struct artifact_range range = {0, -1};
        if (argc == 6)
            range = (struct artifact_range){number(argv[4]), number(argv[5])};
        return get(path, range, 0);
    }
    if (strcmp(verb, "get-slowly") == 0 && argc == 5)
        return get(path, (struct artifact_range){0, -1}, number(argv[4]));
    if (strcmp(verb, "put") == 0 && argc >= 5)
        return put(path, number(argv[4]), argc == 6 ? number(argv[5]) : -1);
    if (strcmp(verb, "upload-create") == 0 && argc == 5)
        return upload_create(path, number(argv[4]));
    if (strcmp(verb, "upload-complete") == 0 && argc >= 5)
        return upload_complete(path, sv_from(argv[4]), argv + 5, argc - 5);
    if (strcmp(verb, "upload-abort") == 0 && argc == 5)
        return repository->kind->multipart_abort(repository, path, sv_from(argv[4]));
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    log_init("s3_tool", LOG_LEVEL_INFO);
    arena = arena_new(ARENA_LIMIT);
    const char *limit = getenv("S3_TOOL_SIZE_LIMIT");
    struct repository_settings settings = {.sync = true, .size_limit = limit ? number(limit) : 0};
    enum status status = repository_open_s3(&settings, arena, &error, sv_from(argv[1]), &repository);
    if (status == OK) {
        status = run(argc, argv);
        repository->kind->end(repository);
    }
    fflush(stdout);
    if (status != OK)
        fprintf(stderr, "%d %.*s | %.*s\n", (int)error.code, SV_ARG(error.message), SV_ARG(error.detail));
    fprintf(stderr, "peak %ld\n", peak_kib());
    arena_free(arena);
    return status == OK ? 0 : 1;
}
