#ifndef TRACKLIGHT_FCGI_TRACKING_H
#define TRACKLIGHT_FCGI_TRACKING_H

#include "common/artifacts/resolve.h"
#include "common/base/config.h"
#include "common/http/request.h"
#include "common/http/server.h"
#include "common/store/runs.h"
#include "common/store/store.h"

/* What all handlers share. */
struct tracking {
    struct store store;
    bool has_store; /* not with --artifacts-only */
    struct artifact_settings artifacts;
};

/* Opens the store that the settings name. On failure `error` holds a sentence for the administrator. */
enum status tracking_open(struct tracking *tracking, const struct settings *settings, struct arena *arena,
                          struct error *error);
void tracking_close(struct tracking *tracking);

extern const struct transaction_hooks tracking_hooks;

/* The open transaction of a request, and the settings for its artifacts. */
struct store_tx *request_tx(const struct request *request);
const struct artifact_settings *request_artifacts(const struct request *request);

/* The tables of operations, one per file. */
extern const struct operation experiment_operations[];
extern const struct operation run_operations[];
extern const struct operation run_data_operations[];
extern const struct operation metric_operations[];
extern const struct operation dataset_operations[];
extern const struct operation artifact_operations[];
extern const struct operation promptlab_operations[];
extern const struct operation server_operations[];
extern const struct operation *const tracking_tables[];

/* --- Input that several operations share --- */

/* Items are struct key_value. */
extern const struct field tag_fields[];

extern const struct enum_name view_type_names[];

/* Whether a number of results is given and sane: OK and *value (or `fallback` if it is absent). */
enum status take_max_results(struct request *request, struct opt_int64 given, int64_t fallback,
                             int64_t *value);

/* --- Output that several operations share --- */

void put_id_field(struct json_writer *json, const char *key, int64_t id);

/* [{key, value}] under `name`; nothing if there are none. */
void put_key_values(struct json_writer *json, const char *name, const struct key_value *items, size_t count);

void put_run_info(struct json_writer *json, const struct run_info *info);

enum run_parts {
    RUN_CREATED, /* no outputs */
    RUN_FOUND,   /* outputs, but no model_inputs */
    RUN_WHOLE,
};
void put_run(struct json_writer *json, const struct run *run, enum run_parts parts);

#endif
