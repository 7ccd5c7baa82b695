#ifndef TRACKLIGHT_FCGI_ARTIFACTS_H
#define TRACKLIGHT_FCGI_ARTIFACTS_H

#include "common/artifacts/repository.h"
#include "common/artifacts/resolve.h"
#include "fcgi-bin/service.h"

/* The tables of operations, one per file. */
extern const struct operation proxy_operations[];
extern const struct operation multipart_operations[];
extern const struct operation run_artifact_operations[];
extern const struct operation entity_artifact_operations[];
extern const struct operation trace_artifact_operations[];

/* --- Places --- */

/* Opens the repository of a place; end it with its kind's `end`. */
enum status open_place(struct request *request, const struct artifact_place *place,
                       struct repository **repository);

/* --- Transfers (transfer.c) --- */

/* Answers with an artifact: 200, 206, 304 or 416, by the request's conditions and range; always as an
 * attachment that no browser runs. `path` is clean, and taken from the place's prefix. */
enum status send_artifact(struct request *request, const struct artifact_place *place, struct sv path);

struct receive_rules {
    int64_t most;           /* bytes; 0: no limit but the server's */
    const char *most_text;  /* the message beyond it */
    const char *empty_text; /* the message for an empty body; NULL: it makes an empty artifact */
};

/* Writes the request's body to the artifact, whole or not at all. The caller replies. */
enum status receive_artifact(struct request *request, const struct artifact_place *place, struct sv path,
                             const struct receive_rules *rules);

#endif
