#ifndef TRACKLIGHT_HTTP_REQUEST_METRICS_H
#define TRACKLIGHT_HTTP_REQUEST_METRICS_H

#include "common/http/request.h"

/* Counts an answered request (metrics.h), by method, operation and status; probes of /health and /version are
 * left out. */
void request_metrics(const struct request *request);

#endif
