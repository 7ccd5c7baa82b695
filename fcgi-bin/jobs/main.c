#include "fcgi-bin/jobs/jobs.h"
#include "fcgi-bin/program.h"

static const struct operation *const tables[] = {
    job_operations,
    job_log_operations,
    job_worker_operations,
    NULL,
};

static enum status open_jobs(struct service *service, struct arena *arena, struct error *error)
{
    if (jobs_open(service, arena, error) != OK)
        return FAILED;
    if (workers_open(service, arena, error) == OK)
        return OK;
    jobs_close(service);
    return FAILED;
}

static void close_jobs(struct service *service)
{
    workers_close();
    jobs_close(service);
}

int main(int argc, char **argv)
{
    static struct service service;
    static const struct fastcgi_program program = {
        .program = {.name = "jobs", .tables = tables},
        .summary = "Takes jobs, and hands them to workers on other hosts",
        .service = &service,
        .open = open_jobs,
        .close = close_jobs,
        .reload = jobs_reload,
    };
    return program_main(&program, argc, argv);
}
