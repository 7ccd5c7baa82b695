#include <stdio.h>

#include "cli/command.h"
#include "cli/gc.h"
#include "common/store/jobs.h"

#define AT_A_TIME 500 /* jobs in one transaction */

static enum status remove_jobs(struct gc_call *call, const struct sv *ids, size_t count)
{
    bool removed[AT_A_TIME];
    struct store_tx *tx = store_call_begin(&call->base, DB_WRITE);
    enum status status = OK;
    if (!tx)
        return FAILED;
    for (size_t i = 0; i < count && status == OK; i++)
        status = job_remove(tx, ids[i], call->before_ms, &removed[i]);
    if (store_call_end(&call->base, tx, status) != OK)
        return FAILED;
    progress_clear(&call->progress);
    for (size_t i = 0; i < count; i++)
        if (removed[i])
            printf("Job with ID %.*s has been permanently deleted.\n", SV_ARG(ids[i]));
    return OK;
}

static enum status remove_named_jobs(struct gc_call *call)
{
    struct sv rest = sv_from(call->job_ids);
    while (rest.data) {
        struct sv ids[AT_A_TIME];
        size_t count = 0;
        while (rest.data && count < AT_A_TIME)
            ids[count++] = sv_trim(sv_cut(&rest, ','));
        if (remove_jobs(call, ids, count) != OK)
            return FAILED;
    }
    return OK;
}

static enum status remove_all_jobs(struct gc_call *call)
{
    size_t count = AT_A_TIME;
    while (count == AT_A_TIME) {
        const struct sv *ids;
        struct arena_mark mark = arena_mark(call->base.arena);
        struct store_tx *tx = store_call_begin(&call->base, DB_READ);
        if (!tx ||
            store_call_end(&call->base, tx, job_removable(tx, call->before_ms, AT_A_TIME, &ids, &count)) !=
                OK ||
            remove_jobs(call, ids, count) != OK)
            return FAILED;
        arena_rewind(call->base.arena, mark);
    }
    return OK;
}

int gc_jobs(struct gc_call *call)
{
    enum status done = call->job_ids ? remove_named_jobs(call) : remove_all_jobs(call);
    return done == OK ? EXIT_OK : EXIT_FAILED;
}
