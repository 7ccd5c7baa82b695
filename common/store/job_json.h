#ifndef TRACKLIGHT_STORE_JOB_JSON_H
#define TRACKLIGHT_STORE_JOB_JSON_H

#include "common/json/json_write.h"
#include "common/store/jobs.h"

/* A job as the API shows it: MLflow's members, then ours. */
void job_write(struct json_writer *json, const struct job *job);

#endif
