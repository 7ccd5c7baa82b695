#ifndef TRACKLIGHT_CLI_PROGRESS_H
#define TRACKLIGHT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sv.h"

/* A progress bar in the last line of standard error; nothing where that is no terminal. */
struct progress {
    bool shown;
    int64_t drawn_us;
};

/* `total` 0: unknown. Draws a few times in a second only. */
void progress_show(struct progress *progress, const char *what, int64_t done, int64_t total);

/* Before anything else is printed. */
void progress_clear(struct progress *progress);

/* One line of text that may come from clients, free of control characters, behind the cleared bar. */
void progress_notice(struct progress *progress, struct sv line);

#endif
