#ifndef TRACKLIGHT_FCGI_TRACKING_GRAPHQL_H
#define TRACKLIGHT_FCGI_TRACKING_GRAPHQL_H

#include "common/graphql/schema.h"
#include "fcgi-bin/tracking/tracking.h"

/* /graphql: the part of MLflow's schema that its web page asks for. */

struct graphql_context {
    struct request *request;
    const struct permission_filter *experiments; /* that may be shown; NULL: all */
    const struct permission_filter *models;
    int64_t deadline_us; /* on the monotonic clock */
};

extern const struct graphql_schema mlflow_schema;

/* --- For resolvers --- */

struct request *graphql_request_of(const struct graphql_call *call);

/* Of experiments and runs; of the model registry. Never NULL for the second. */
struct store_tx *graphql_tracking(const struct graphql_call *call);
struct store_tx *graphql_registry(const struct graphql_call *call);

/* What a resolver gives whose call has failed: the error among the answer's errors; or nothing at all, for
 * our own faults, and for things that are not there for users who may not see all. */
enum graphql_outcome graphql_failed(struct graphql_call *call);

/* Null without a word: the user may not see it. */
enum graphql_outcome graphql_denied(void);

/* Fields of the argument `input`; absent, not set and none if they are not there, or null. */
struct sv graphql_text(const struct graphql_call *call, const char *name);
struct opt_int64 graphql_number(const struct graphql_call *call, const char *name);
const struct sv *graphql_texts(const struct graphql_call *call, const char *name, size_t *count);

/* Fails the request with MLflow's text: the input lacks a field. */
enum status graphql_missing(const struct graphql_call *call, const char *name);

/* --- The fields of Query and Mutation, and those that have to be looked up --- */

graphql_resolver graphql_get_experiment, graphql_get_run, graphql_list_artifacts, graphql_search_runs,
    graphql_search_model_versions, graphql_search_datasets, graphql_metric_interval;
graphql_resolver graphql_experiment_of_run, graphql_versions_of_run;

/* What they give to the fields of their answers. */

struct graphql_runs {
    const int64_t *ids;
    size_t count;
    struct sv next_page_token;
};
graphql_resolver graphql_runs_found;

struct graphql_versions {
    const int64_t *ids;
    size_t count;
    struct sv next_page_token;
};
graphql_resolver graphql_versions_found;

struct graphql_files {
    struct sv root_uri;
    struct sv folder; /* "" or with a slash at its end */
    const struct artifact_entry *entries;
    size_t count;
};
struct graphql_file {
    struct sv path;
    bool is_dir;
    int64_t size;
};
graphql_resolver graphql_files_found;

struct graphql_summaries {
    const struct dataset_summary *items;
    size_t count;
};

struct graphql_point {
    struct sv key;
    struct sv run_id;
    double value;
    int64_t timestamp;
    int64_t step;
};
struct graphql_points {
    struct sv key;
    const struct sv *run_ids;
    struct metric_point *const *points; /* of each run */
    const size_t *ends;                 /* of each run's points among all of them */
    size_t run_count;
    size_t count;
};
graphql_resolver graphql_points_found;

#endif
