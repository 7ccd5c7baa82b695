#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"

#define WIDTH       30
#define INTERVAL_US 100000

void progress_show(struct progress *progress, const char *what, int64_t done, int64_t total)
{
    int64_t now_us = clock_monotonic_us();
    if (!isatty(STDERR_FILENO) || (progress->shown && now_us - progress->drawn_us < INTERVAL_US))
        return;
    if (total > 0) {
        int filled = (int)(done >= total ? WIDTH : done * WIDTH / total);
        fprintf(stderr, "\r\033[K%-26s [%.*s%*s] %" PRId64 "/%" PRId64, what, filled,
                "##############################", WIDTH - filled, "", done, total);
    } else {
        fprintf(stderr, "\r\033[K%-26s %" PRId64, what, done);
    }
    fflush(stderr);
    progress->shown = true;
    progress->drawn_us = now_us;
}

void progress_clear(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

void progress_notice(struct progress *progress, struct sv line)
{
    progress_clear(progress);
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, stderr);
    }
    fputc('\n', stderr);
}
