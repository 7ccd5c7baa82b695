#ifndef TRACKLIGHT_CLI_REMOVER_H
#define TRACKLIGHT_CLI_REMOVER_H

#include "common/artifacts/repository.h"
#include "common/artifacts/resolve.h"
#include "common/base/config.h"
#include "common/store/removal.h"

/* Removes deleted things with their files, for `tracklight gc` and for the worker: first the files, then the
 * rows, slice by slice, so that what is broken off is found and completed by the next. Files are removed only
 * where they must be by what the server itself calls them, "…/<id>/artifacts", and never by following a link.
 */
struct remover {
    struct store *store; /* tracking */
    struct store *users; /* whose permissions go with experiments, if they are in another database; NULL */
    struct artifact_settings artifacts;
    struct repository_settings repository;
    bool keep_files;
    int64_t before_ms; /* only what was deleted until then */
    int64_t pause_ms;  /* between two transactions */
    struct arena *arena;
    void (*warn)(void *context, struct sv line);
    void (*removed)(void *context, const struct removal *item); /* may be NULL, and so may the next */
    bool (*stopping)(void *context);
    void *context;
};

enum remover_result {
    REMOVER_REMOVED,
    REMOVER_KEPT,   /* it was restored meanwhile, or there is something against it (which was told) */
    REMOVER_FAILED, /* its files cannot be removed now, so the rows were left for the next time; told */
    REMOVER_BROKEN, /* the database cannot be used, or the caller wants an end: there is no point in going on
                     */
};

/* The settings that both callers take from the server's. The directory is the current one. False without one.
 */
bool remover_configure(struct remover *remover, const struct settings *settings, struct arena *arena);

/* An experiment goes with all of its runs, logged models and traces. */
enum remover_result remover_remove(struct remover *remover, const struct removal *item);

/* All that is deleted, of one kind. *failures counts the items that failed. REMOVER_REMOVED or
 * REMOVER_BROKEN. */
enum remover_result remover_remove_all(struct remover *remover, enum removal_kind kind, int64_t *failures);

/* Traces of an experiment that began before a time, with their files; `*count` grows with them. */
enum remover_result remover_old_traces(struct remover *remover, int64_t experiment, int64_t before_ms,
                                       int64_t *count);

const char *removal_kind_name(enum removal_kind kind); /* "Run", "Logged model", "Experiment" */

#endif
