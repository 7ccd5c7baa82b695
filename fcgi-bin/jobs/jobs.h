#ifndef TRACKLIGHT_FCGI_JOBS_JOBS_H
#define TRACKLIGHT_FCGI_JOBS_JOBS_H

#include "fcgi-bin/job_catalogue.h"

extern const struct operation job_operations[];
extern const struct operation job_log_operations[];
extern const struct operation job_worker_operations[];

/* For workers on other hosts. */
enum status workers_open(struct service *service, struct arena *arena, struct error *error);
void workers_close(void);

#endif
