#ifndef TRACKLIGHT_BASE_JOB_SIGNAL_H
#define TRACKLIGHT_BASE_JOB_SIGNAL_H

#include <stdbool.h>

#include "common/base/sv.h"

/* Wakes the workers of a database when there may be something for them, without polling: a file beside it,
 * "<database>-jobs", is written to, and each worker watches it (inotify(7)). Nobody needs to be there, any
 * number may; a file that was left behind or is removed does no harm. It is a hint: who waits looks into the
 * queue once after job_signal_open, and every few seconds in any case, for the file may lie where no
 * notification comes from. */

/* After the commit. Failure is silent: it only means that workers look later. Any thread may call it. */
void job_signal_send(struct sv database);

struct job_signal;

/* Begins to watch. NULL if that is impossible. */
struct job_signal *job_signal_open(struct sv database);
void job_signal_close(struct job_signal *signal); /* NULL is allowed */

/* Readable when there was a signal. */
int job_signal_fd(const struct job_signal *signal);

/* Takes all signals that came so far; true if there were any. Does not block. */
bool job_signal_take(struct job_signal *signal);

#endif
