#ifndef TRACKLIGHT_FCGI_JOB_CATALOGUE_H
#define TRACKLIGHT_FCGI_JOB_CATALOGUE_H

#include "common/store/jobs.h"
#include "fcgi-bin/service.h"

/* The types of jobs as a program knows them, and how jobs are submitted. SIGHUP reads jobs.d again. */

/* For struct fastcgi_program. What is wrong with jobs.d keeps a program from starting only if it takes jobs.
 */
enum status jobs_open(struct service *service, struct arena *arena, struct error *error);
void jobs_reload(struct service *service, const struct settings *settings);
void jobs_close(struct service *service);

/* The types as they are now; they stay as they are until jobs_types_drop. */
const struct job_types *jobs_types_take(void);
void jobs_types_drop(const struct job_types *types);

/* Makes a job in the open transaction, after MLflow's checks in MLflow's order: whether the name is known,
 * jobs are enabled, the type is allowed, the parameters are there. `timeout` in seconds, negative: none.
 * After the commit: jobs_signal. */
enum status jobs_submit(struct request *request, struct sv name, struct json_object *params, double timeout,
                        struct job *job);

/* Wakes the workers. */
void jobs_signal(void);

/* The database that the signals are for; as long as the program is open. */
struct sv jobs_database(void);

#endif
