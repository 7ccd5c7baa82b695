#include <stdio.h>
#include <time.h>

#include "cli/command.h"
#include "cli/worker_call.h"
#include "common/store/job_queue.h"
#include "common/store/outbox.h"

static struct sv local_time(struct arena *arena, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];
    if (!localtime_r(&seconds, &parts))
        return SV("?");
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    return arena_copy(arena, sv_from(text));
}

static void print_summary(struct arena *arena, const struct outbox_summary *row)
{
    printf("%.*s %.*s%s %.*s\n    waiting %lld, delivered %lld, given up %lld\n", SV_ARG(row->webhook_id),
           SV_ARG(row->name), row->active ? "" : " (disabled)", SV_ARG(row->url), (long long)row->waiting,
           (long long)row->delivered, (long long)row->given_up);
    if (row->waiting)
        printf("    the oldest event that waits is of %.*s\n",
               SV_ARG(local_time(arena, row->oldest_waiting_ms)));
    if (row->last_problem.data)
        printf("    last problem, %.*s: %.*s\n", SV_ARG(local_time(arena, row->last_problem_ms)),
               SV_ARG(row->last_problem));
}

static int print_webhooks(struct worker_call *call, struct arena *arena)
{
    struct error error = {.code = ERROR_NONE};
    const struct outbox_summary *rows;
    size_t count;
    struct store_tx *tx = store_begin(&call->registry, DB_READ, arena, &error);
    enum status status = tx ? outbox_summarize(tx, &rows, &count) : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK)
        return worker_failed(&error);
    for (size_t i = 0; i < count; i++)
        print_summary(arena, &rows[i]);
    if (count == 0)
        printf("There are no webhooks.\n");
    return EXIT_OK;
}

static enum status count_jobs(struct store_tx *tx, enum job_status status, size_t *count)
{
    const struct job *jobs;
    const struct job_filter filter = {.statuses = &status, .status_count = 1};
    return job_search(tx, &filter, &jobs, count);
}

static int print_jobs(struct worker_call *call, struct arena *arena)
{
    struct error error = {.code = ERROR_NONE};
    const struct job_worker *workers;
    size_t count, pending, running;
    struct store_tx *tx = store_begin(&call->tracking, DB_READ, arena, &error);
    enum status status = tx && job_workers(tx, &workers, &count) == OK &&
                                 count_jobs(tx, JOB_PENDING, &pending) == OK &&
                                 count_jobs(tx, JOB_RUNNING, &running) == OK
                             ? OK
                             : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK)
        return worker_failed(&error);
    printf("Jobs: %zu pending, %zu running\n", pending, running);
    for (size_t i = 0; i < count; i++)
        printf("    worker %.*s%s since %.*s, last seen %.*s, runs %lld\n", SV_ARG(workers[i].worker),
               workers[i].remote ? " (remote)" : "", SV_ARG(local_time(arena, workers[i].start_time)),
               SV_ARG(local_time(arena, workers[i].last_seen)), (long long)workers[i].running);
    return EXIT_OK;
}

int worker_print_status(struct worker_call *call, struct arena *arena)
{
    int status = print_webhooks(call, arena);
    return status == EXIT_OK ? print_jobs(call, arena) : status;
}
