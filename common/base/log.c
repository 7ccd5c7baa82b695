#include "common/base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

static const char *_Atomic program_name = "tracklight";
static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int log_descriptor = STDERR_FILENO;

void log_init(const char *program, enum log_level level)
{
    atomic_store(&program_name, program);
    atomic_store(&current_level, (int)level);
}

bool log_open(const char *path)
{
    int fd = STDERR_FILENO;
    bool opened = true;
    if (path) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
        opened = fd >= 0;
        if (!opened)
            fd = STDERR_FILENO;
    }
    int old = atomic_load(&log_descriptor);
    if (old == STDERR_FILENO) {
        atomic_store(&log_descriptor, fd);
        return opened;
    }
    /* Other threads may be writing: the number stays, the file behind it changes. */
    opened = dup3(fd, old, O_CLOEXEC) >= 0 && opened;
    if (fd != STDERR_FILENO)
        close(fd);
    return opened;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "?";
}

/* Copies `text` with control characters as \xNN. */
static size_t escape(char *out, size_t room, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;
    for (; *text && len + 4 < room; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte != 0x7f) {
            out[len++] = (char)byte;
            continue;
        }
        out[len++] = '\\';
        out[len++] = 'x';
        out[len++] = hex[byte >> 4];
        out[len++] = hex[byte & 15];
    }
    return len;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);

    char line[LINE_MAX_BYTES];
    int head = snprintf(line, sizeof(line), "time=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s program=%s ",
                        utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                        now.tv_nsec / 1000000, level_name(level), atomic_load(&program_name));
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    size_t len = (size_t)head;
    len += escape(line + len, sizeof(line) - len - 1, text);
    line[len++] = '\n';
    /* A log that cannot be written is nobody's to report to. */
    if (write(atomic_load(&log_descriptor), line, len) < 0)
        return;
}
