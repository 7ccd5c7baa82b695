#ifndef TRACKLIGHT_BASE_METRICS_H
#define TRACKLIGHT_BASE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Numbers about the running suite, for Prometheus: counters and histograms. Each process keeps its own in a
 * file that is mapped into memory, and whoever is asked adds the files of all processes up. What a process
 * counted outlives it: the next one to start takes it over into a file of its own. Until metrics_open, and
 * after metrics_close, everything here does nothing. */

#define METRICS_NAME_MAX   63  /* bytes */
#define METRICS_LABELS_MAX 191 /* bytes */
#define METRICS_SERIES_MAX 768 /* in one process; further ones are not counted */

/* The directory is made if it is not there (its parents too), mode 0700. False with a line in the log. */
bool metrics_open(const char *directory, const char *program);
void metrics_close(void);
bool metrics_are_kept(void);

/* `name` is one of metric_names in metrics_names.h; `labels` is as in the text format, without braces:
 * `method="GET",status="200"`; absent for none. Values of labels must be free of quotes, backslashes and line
 * feeds. Lock-free. */
void metrics_add(const char *name, struct sv labels, double value);

/* One observation of a histogram. */
void metrics_observe(const char *name, struct sv labels, double seconds);

/* For a gauge that the asked process finds out itself: `name` and value as lines of the text format. */
void metrics_write_gauge(struct buffer *out, const char *name, struct sv labels, double value);
/* Another series of the gauge that was written just before. */
void metrics_write_gauge_more(struct buffer *out, const char *name, struct sv labels, double value);

/* The sums over all processes in the text format 0.0.4 of Prometheus, by name and labels. Empty if nothing is
 * kept. False with a line in the log if the directory cannot be read. */
bool metrics_write(struct buffer *out);

#endif
