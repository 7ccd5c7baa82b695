#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/http/server_internal.h"

#define REPLAY_LIMIT_BYTES   (256L * 1024 * 1024)
#define REPLAY_MAX_VARIABLES 128

/* The request taken apart, as a web server would hand it over. */
struct recording {
    struct arena *arena;
    struct sv names[REPLAY_MAX_VARIABLES];
    struct sv values[REPLAY_MAX_VARIABLES];
    size_t count;
    struct sv body;
};

static void add(struct recording *recording, struct sv name, struct sv value)
{
    if (recording->count == REPLAY_MAX_VARIABLES)
        return;
    recording->names[recording->count] = name;
    recording->values[recording->count++] = arena_copy(recording->arena, value);
}

/* The CGI name of a request header (RFC 3875 section 4.1.18). */
static struct sv variable_name(struct arena *arena, struct sv header)
{
    bool is_content = sv_equal_ignoring_case(header, SV("content-type")) ||
                      sv_equal_ignoring_case(header, SV("content-length"));
    struct sv name = arena_printf(arena, "%s%.*s", is_content ? "" : "HTTP_", SV_ARG(header));
    char *text = arena_cstr(arena, name);
    for (char *c = text; *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        if (*c == '-')
            *c = '_';
    }
    return sv_from(text);
}

static struct sv cut_line(struct sv *rest)
{
    struct sv line = sv_cut(rest, '\n');
    if (line.len && line.data[line.len - 1] == '\r')
        line = sv_first(line, line.len - 1);
    return line;
}

static void take_apart(struct recording *recording, struct sv text)
{
    struct sv request_line = cut_line(&text);
    struct sv method = sv_cut(&request_line, ' ');
    struct sv target = request_line.data ? sv_cut(&request_line, ' ') : SV("/");
    add(recording, SV("REQUEST_METHOD"), method);
    add(recording, SV("REQUEST_URI"), target);
    size_t mark = sv_find(target, '?');
    add(recording, SV("QUERY_STRING"), sv_from_offset(target, mark + 1));
    while (text.data) {
        struct sv line = cut_line(&text);
        if (!line.len)
            break;
        struct sv value = line;
        struct sv name = sv_cut(&value, ':');
        if (value.data)
            add(recording, variable_name(recording->arena, name), sv_trim(value));
    }
    recording->body = text.data ? text : SV("");
}

static struct sv replay_variable(struct request *request, const char *name)
{
    struct recording *recording = request->connection;
    for (size_t i = 0; i < recording->count; i++)
        if (sv_equal(recording->names[i], sv_from(name)))
            return recording->values[i];
    return SV_ABSENT;
}

static long replay_read(struct request *request, char *bytes, size_t len)
{
    struct recording *recording = request->connection;
    struct sv piece = sv_first(recording->body, len);
    memcpy(bytes, piece.data, piece.len);
    recording->body = sv_from_offset(recording->body, piece.len);
    return (long)piece.len;
}

static int replay_write(struct request *request, const char *bytes, size_t len)
{
    (void)request;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : -1;
}

static void replay_abort(struct request *request)
{
    (void)request;
    fputs("\n(the reply was broken off)\n", stderr);
}

static const struct transport replay_transport = {
    .variable = replay_variable,
    .read = replay_read,
    .write = replay_write,
    .abort = replay_abort,
};

static bool read_file(struct arena *arena, const char *file, struct sv *text)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || info.st_size > REPLAY_LIMIT_BYTES) {
        fprintf(stderr, "%s: %s\n", file, errno ? strerror(errno) : "too large");
        if (fd >= 0)
            close(fd);
        return false;
    }
    char *bytes = arena_alloc(arena, (size_t)info.st_size + 1);
    size_t have = 0;
    while (have < (size_t)info.st_size) {
        ssize_t got = read(fd, bytes + have, (size_t)info.st_size - have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    close(fd);
    *text = (struct sv){bytes, have};
    return true;
}

int server_replay(const struct server_options *options, const char *file)
{
    struct arena *arena = arena_new(2 * REPLAY_LIMIT_BYTES);
    struct recording recording = {.arena = arena};
    struct sv text;
    if (!read_file(arena, file, &text)) {
        arena_free(arena);
        return 1;
    }
    take_apart(&recording, text);
    struct server *server = server_new(options);
    struct request *request = request_new(server, &replay_transport, &recording);
    if (request)
        serve(request);
    request_free(request);
    server_free(server);
    arena_free(arena);
    return 0;
}
