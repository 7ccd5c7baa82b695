#include "cli/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"

#define ENV_FILE_LIMIT_BYTES (1024 * 1024)

struct reader {
    struct sv text;
    size_t at;
    unsigned line;
    struct arena *arena;
    struct sv *problem;
};

static bool refuse(struct reader *reader, const char *reason)
{
    *reader->problem = arena_printf(reader->arena, "line %u: %s", reader->line, reason);
    return false;
}

static int peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? (unsigned char)reader->text.data[reader->at] : -1;
}

static void skip_blanks(struct reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t' || peek(reader) == '\r')
        reader->at++;
}

static void skip_line(struct reader *reader)
{
    while (peek(reader) != '\n' && peek(reader) != -1)
        reader->at++;
}

static bool is_name_start(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static struct sv read_name(struct reader *reader)
{
    size_t start = reader->at;
    while (is_name_start(peek(reader)) || (reader->at > start && peek(reader) >= '0' && peek(reader) <= '9'))
        reader->at++;
    return (struct sv){reader->text.data + start, reader->at - start};
}

static char escaped(int c)
{
    return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
}

static bool read_quoted(struct reader *reader, char quote, char *value, size_t *len)
{
    unsigned first_line = reader->line;
    reader->at++;
    for (int c; (c = peek(reader)) != quote; reader->at++) {
        if (c == -1) {
            reader->line = first_line;
            return refuse(reader, "the quoted value does not end");
        }
        if (c == '\n')
            reader->line++;
        if (c == '\\' && reader->at + 1 < reader->text.len) {
            char next = reader->text.data[reader->at + 1];
            if (quote == '"' ? strchr("nrt\"\\$", next) != NULL : next == '\'' || next == '\\') {
                reader->at++;
                c = quote == '"' ? escaped(next) : next;
            }
        }
        value[(*len)++] = (char)c;
    }
    reader->at++;
    skip_blanks(reader);
    if (peek(reader) != '\n' && peek(reader) != -1 && peek(reader) != '#')
        return refuse(reader, "something follows the quoted value");
    skip_line(reader);
    return true;
}

static struct sv unquoted_value(struct reader *reader)
{
    size_t start = reader->at;
    skip_line(reader);
    struct sv line = {reader->text.data + start, reader->at - start};
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '#' && (i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t'))
            line.len = i;
    }
    return sv_trim(line);
}

static bool read_variable(struct reader *reader, void (*visit)(const char *name, const char *value))
{
    struct sv name = read_name(reader);
    if (sv_equal(name, SV("export")) && (peek(reader) == ' ' || peek(reader) == '\t')) {
        skip_blanks(reader);
        name = read_name(reader);
    }
    skip_blanks(reader);
    if (name.len == 0 || peek(reader) != '=')
        return refuse(reader, "expected NAME=VALUE");
    reader->at++;
    skip_blanks(reader);
    char *value;
    int quote = peek(reader);
    if (quote == '\'' || quote == '"') {
        size_t len = 0;
        value = arena_alloc(reader->arena, reader->text.len - reader->at + 1);
        if (!read_quoted(reader, (char)quote, value, &len))
            return false;
        value[len] = '\0';
    } else {
        value = arena_cstr(reader->arena, unquoted_value(reader));
    }
    visit(arena_cstr(reader->arena, name), value);
    return true;
}

bool env_file_parse(struct sv text, struct arena *arena, void (*visit)(const char *name, const char *value),
                    struct sv *problem)
{
    struct reader reader = {text, 0, 1, arena, problem};
    if (sv_find(text, '\0') < text.len)
        return refuse(&reader, "the file holds a NUL byte");
    if (sv_starts_with(text, SV("\xEF\xBB\xBF")))
        reader.at = 3;
    while (peek(&reader) != -1) {
        skip_blanks(&reader);
        if (peek(&reader) == '#')
            skip_line(&reader);
        if (peek(&reader) == '\n') {
            reader.at++;
            reader.line++;
        } else if (peek(&reader) != -1 && !read_variable(&reader, visit)) {
            return false;
        }
    }
    return true;
}

static void set_if_absent(const char *name, const char *value)
{
    setenv(name, value, 0);
}

static bool read_whole(int fd, struct buffer *text)
{
    for (;;) {
        char *room = buffer_reserve(text, 4096);
        if (!room) {
            errno = EFBIG;
            return false;
        }
        ssize_t got = read(fd, room, 4096);
        if (got <= 0)
            return got == 0;
        text->len += (size_t)got;
    }
}

bool env_file_load(const char *path, struct arena *arena, struct sv *problem)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *problem = arena_printf(arena, "%s", strerror(errno));
        return false;
    }
    struct buffer text;
    buffer_init(&text, ENV_FILE_LIMIT_BYTES);
    bool done = read_whole(fd, &text);
    if (!done)
        *problem = arena_printf(arena, "%s", strerror(errno));
    else
        done = env_file_parse(text.len ? buffer_sv(&text) : SV(""), arena, set_if_absent, problem);
    close(fd);
    buffer_free(&text);
    return done;
}
