#ifndef TRACKLIGHT_BASE_LOG_H
#define TRACKLIGHT_BASE_LOG_H

#include <stdbool.h>

#include "common/base/sv.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The program's name stands in every line. Lines below `level` are dropped. */
void log_init(const char *program, enum log_level level);

/* Where lines go: stderr (NULL), or a file that is appended to. Called again on SIGHUP. False if it can't be
 * opened; lines go to stderr then. */
bool log_open(const char *path);

/* One line, written with one write(2), as `time=... level=... program=... <text>`. Control characters in the
 * text are escaped, so a client cannot forge lines. Never log bodies, credentials or secrets. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool log_enabled(enum log_level level);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
