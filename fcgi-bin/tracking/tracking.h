#ifndef TRACKLIGHT_FCGI_TRACKING_H
#define TRACKLIGHT_FCGI_TRACKING_H

#include "common/http/request.h"
#include "common/store/model_versions.h"
#include "common/store/permissions.h"
#include "common/store/runs.h"
#include "common/store/store.h"
#include "fcgi-bin/service.h"

struct artifact_entry;

/* The tables of operations, one per file. */
extern const struct operation experiment_operations[];
extern const struct operation run_operations[];
extern const struct operation run_data_operations[];
extern const struct operation metric_operations[];
extern const struct operation dataset_operations[];
extern const struct operation artifact_operations[];
extern const struct operation promptlab_operations[];
extern const struct operation logged_model_operations[];
extern const struct operation registered_model_operations[];
extern const struct operation model_version_operations[];
extern const struct operation webhook_operations[];
extern const struct operation evaluation_dataset_operations[];
extern const struct operation scorer_operations[];
extern const struct operation scorer_job_operations[];
extern const struct operation otlp_operations[];
extern const struct operation server_operations[];
enum status server_health(struct request *request, const void *input); /* server_health.c */
extern const struct operation server_metrics_operations[];
extern const struct operation trace_operations[];
extern const struct operation trace_2_operations[];
extern const struct operation trace_search_operations[];
extern const struct operation trace_get_operations[];
extern const struct operation trace_statistics_operations[];
extern const struct operation assessment_operations[];
extern const struct operation gateway_secret_operations[];
extern const struct operation gateway_model_operations[];
extern const struct operation gateway_endpoint_operations[];
extern const struct operation gateway_binding_operations[];
extern const struct operation gateway_discovery_operations[];
extern const struct operation gateway_usage_operations[];
extern const struct operation user_operations[];
extern const struct operation permission_operations[];
extern const struct operation session_operations[];
extern const struct operation signup_operations[];
extern const struct operation graphql_operations[];

/* Reads the rules of webhooks from the settings. */
enum status webhooks_open(struct service *service, struct arena *arena, struct error *error);

/* The passphrase of the gateway's secrets. */
enum status gateway_open(struct service *service, struct arena *arena, struct error *error);
void gateway_close(void);

/* --- Input that several operations share --- */

/* Items are struct key_value. */
extern const struct field tag_fields[];

extern const struct enum_name view_type_names[];

/* Whether a number of results is given and sane: OK and *value (or `fallback` if it is absent). */
enum status take_max_results(struct request *request, struct opt_int64 given, int64_t fallback,
                             int64_t *value);

/* A field whose text is JSON itself. The request frees the value; null is NULL. */
enum status take_json_text(struct request *request, struct sv text, const char *name,
                           struct json_object **value);

/* Of both searches of the registry. */
struct registry_search_in {
    struct sv filter;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};
extern const struct field registry_search_fields[];

/* Refuses a number of results that is above the limit. */
enum status fail_max_results(struct request *request, int64_t value);

/* The number of results of a search of runs, and of model versions. */
enum status take_run_search_results(struct request *request, struct opt_int64 given, int64_t *value);
enum status take_version_search_results(struct request *request, struct opt_int64 given, int64_t *value);

/* FAILED with MLflow's texts unless these are good for a chart of several runs. */
enum status check_interval(struct request *request, size_t run_count, struct opt_int64 start_step,
                           struct opt_int64 end_step, struct opt_int64 max_results);

/* The experiments of a search for datasets: neither none nor too many. In the arena. */
enum status take_dataset_experiments(struct request *request, const struct sv *texts, size_t count,
                                     int64_t **ids);

/* What is in a folder of an artifact URI. To be called outside of transactions: it may take long. */
enum status list_artifact_files(struct request *request, struct sv uri, struct sv folder,
                                struct artifact_entry **files, size_t *count);

/* --- Output that several operations share --- */

void put_id_field(struct json_writer *json, const char *key, int64_t id);

/* [{key, value}] under `name`; nothing if there are none. */
void put_key_values(struct json_writer *json, const char *name, const struct key_value *items, size_t count);

/* Under `name`; nothing if there are none. */
void put_model_versions(struct json_writer *json, const char *name, const struct model_version *versions,
                        size_t count);

enum status reply_model_version(struct request *request, const struct model_version *version);

/* A row of permissions, as an object. */
void put_permission(struct json_writer *json, const struct permission_target *target,
                    enum permission permission, int64_t user_id);

struct sv run_status_name(enum run_status status);
void put_run_info(struct json_writer *json, const struct run_info *info);

enum run_parts {
    RUN_CREATED, /* no outputs */
    RUN_FOUND,   /* outputs, but no model_inputs */
    RUN_WHOLE,
};
void put_run(struct json_writer *json, const struct run *run, enum run_parts parts);

#endif
