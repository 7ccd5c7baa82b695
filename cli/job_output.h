#ifndef TRACKLIGHT_CLI_JOB_OUTPUT_H
#define TRACKLIGHT_CLI_JOB_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"

/* What a job writes, in bounded memory however much it is: its log, its progress, its result, and the end of
 * its standard error. docs/jobs.md defines what is what. */

#define JOB_LOG_WINDOW  ((size_t)255 * 1024) /* bytes between two looks at the log */
#define JOB_ERROR_BYTES 4000

struct job_output {
    struct buffer log; /* both streams as they came, since it was last told */
    int64_t left_out;  /* bytes of it that came before, and did not fit */

    double progress;       /* negative: none was told */
    struct buffer message; /* of the last progress line that has one; empty: none */
    struct buffer details; /* a JSON object; empty: none */
    bool has_news;         /* of the progress */

    size_t limit;       /* of a result */
    struct buffer line; /* of standard output, so far */
    struct buffer text; /* its lines but for blank ones and those of progress; failed: too much */
    struct buffer last; /* the last of those lines */
    bool line_too_long, last_too_long;

    char error[2 * JOB_ERROR_BYTES];
    size_t error_len;
};

void job_output_init(struct job_output *output, size_t result_limit);
void job_output_free(struct job_output *output);

enum job_stream { JOB_STDOUT, JOB_STDERR };

/* Takes what came. `scratch` is rewound. */
void job_output_add(struct job_output *output, enum job_stream stream, struct sv bytes,
                    struct arena *scratch);

/* What has come since it was last told, behind a line that says how much is left out; absent: nothing. In the
 * arena. */
struct sv job_output_log(const struct job_output *output, struct arena *arena);
void job_output_log_told(struct job_output *output);

/* At the end. The result is JSON, "null" if there is none; absent if it passes the limit. */
struct sv job_output_result(struct job_output *output, struct arena *arena);

/* The end of standard error without blanks around, valid UTF-8; may be empty. */
struct sv job_output_error(const struct job_output *output, struct arena *arena);

/* The text as valid UTF-8 without NULs: every byte that is neither becomes U+FFFD. */
struct sv job_text(struct arena *arena, struct sv text);

#endif
