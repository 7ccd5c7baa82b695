#include "fcgi-bin/job_catalogue.h"

#include <pthread.h>

#include "common/base/job_signal.h"
#include "common/base/log.h"
#include "common/jobs/parameters.h"
#include "common/store/text.h"
#include "common/store/uri.h"

#define MEMORY_LIMIT (64UL * 1024 * 1024)

/* The types from one reading of jobs.d. They come first, so that a user hands back what he was given. */
struct catalogue {
    struct job_types types;
    struct arena *arena;
    unsigned users; /* requests, and one for being the current one */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct catalogue *current;
static struct sv database;

static struct catalogue *read_types(const struct service *service, const struct settings *settings,
                                    struct arena *arena, struct sv *problem)
{
    struct arena *own = arena_new(MEMORY_LIMIT);
    struct catalogue *catalogue = ARENA_NEW(own, struct catalogue);
    *catalogue = (struct catalogue){.arena = own, .users = 1};
    if (job_types_from_settings(&catalogue->types, own, settings, service->config_file, problem))
        return catalogue;
    *problem = arena_copy(arena, *problem);
    arena_free(own);
    return NULL;
}

/* A server that takes no jobs is not kept from anything else by what is wrong with them. */
static struct catalogue *no_types(struct sv problem)
{
    struct arena *own = arena_new(MEMORY_LIMIT);
    struct catalogue *catalogue = ARENA_NEW(own, struct catalogue);
    *catalogue = (struct catalogue){.arena = own, .users = 1};
    log_warning("no types of jobs are known: %.*s", SV_ARG(problem));
    return catalogue;
}

static void drop(struct catalogue *catalogue)
{
    pthread_mutex_lock(&mutex);
    bool last = --catalogue->users == 0;
    pthread_mutex_unlock(&mutex);
    if (last)
        arena_free(catalogue->arena);
}

enum status jobs_open(struct service *service, struct arena *arena, struct error *error)
{
    struct sv problem;
    if (!service->has_store)
        return OK;
    if (store_uri_path(arena, error, service->settings->backend_store_uri, &database) != OK)
        return FAILED;
    current = read_types(service, service->settings, arena, &problem);
    if (!current && service->settings->enable_jobs)
        return error_set(error, arena, INTERNAL_ERROR, "%.*s", SV_ARG(problem));
    if (!current)
        current = no_types(problem);
    return OK;
}

void jobs_reload(struct service *service, const struct settings *settings)
{
    struct arena *arena = arena_new(MEMORY_LIMIT);
    struct sv problem;
    struct catalogue *fresh = current ? read_types(service, settings, arena, &problem) : NULL;
    if (fresh) {
        pthread_mutex_lock(&mutex);
        struct catalogue *old = current;
        current = fresh;
        pthread_mutex_unlock(&mutex);
        drop(old);
    } else if (current) {
        log_error("the types of jobs stay as they are: %.*s", SV_ARG(problem));
    }
    arena_free(arena);
}

void jobs_close(struct service *service)
{
    (void)service;
    if (current)
        drop(current);
    current = NULL;
}

const struct job_types *jobs_types_take(void)
{
    pthread_mutex_lock(&mutex);
    struct catalogue *catalogue = current;
    catalogue->users++;
    pthread_mutex_unlock(&mutex);
    return &catalogue->types;
}

void jobs_types_drop(const struct job_types *types)
{
    drop((struct catalogue *)types);
}

static enum status check(struct request *request, const struct job_types *types, struct sv name,
                         struct json_object *params)
{
    const struct job_type *type = job_types_find(types, name);
    if (!type)
        return fail(request, INVALID_PARAMETER_VALUE, "Invalid job name: %.*s", SV_ARG(search_clip(name)));
    if (!request_service(request)->settings->enable_jobs)
        return fail(request, INTERNAL_ERROR,
                    "Mlflow server job execution feature is not enabled, please set environment variable "
                    "'MLFLOW_SERVER_ENABLE_JOB_EXECUTION' to 'true' to enable it.");
    return job_check_params(type, params, request->arena, &request->error);
}

enum status jobs_submit(struct request *request, struct sv name, struct json_object *params, double timeout,
                        struct job *job)
{
    const struct job_types *types = jobs_types_take();
    enum status checked = check(request, types, name, params);
    jobs_types_drop(types);
    if (checked != OK)
        return FAILED;
    const struct job_new new = {
        .name = name, .params = job_json_text(params, request->arena), .timeout = timeout};
    return job_create(request_tx(request), &new, job);
}

void jobs_signal(void)
{
    job_signal_send(database);
}

struct sv jobs_database(void)
{
    return database;
}
