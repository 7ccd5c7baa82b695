#ifndef TRACKLIGHT_STORE_TRACES_H
#define TRACKLIGHT_STORE_TRACES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Traces: the row of a trace, its tags, metadata and numbers. What its spans say is in spans.h. A trace
 * belongs to the experiment in which it arrived first, and never moves. */

/* Numbered as in MLflow's API. */
enum trace_status { TRACE_UNSPECIFIED = 0, TRACE_OK = 1, TRACE_ERROR = 2, TRACE_IN_PROGRESS = 3 };

/* "STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS". */
const char *trace_status_name(enum trace_status status);

/* Keys with a meaning. */
#define TRACE_TAG_NAME              "mlflow.traceName"
#define TRACE_TAG_ARTIFACT_LOCATION "mlflow.artifactLocation"
#define TRACE_TAG_SPANS_LOCATION    "mlflow.trace.spansLocation"
#define TRACE_SPANS_IN_STORE        "TRACKING_STORE"
#define TRACE_METADATA_SESSION      "mlflow.trace.session"
#define TRACE_METADATA_USER         "mlflow.trace.user"
#define TRACE_METADATA_TOKEN_USAGE  "mlflow.trace.tokenUsage"
#define TRACE_METADATA_COST         "mlflow.trace.cost"
#define TRACE_METADATA_SIZE_STATS   "mlflow.trace.sizeStats"
#define TRACE_METADATA_SOURCE_RUN   "mlflow.sourceRun"

enum assessment_kind { ASSESSMENT_FEEDBACK = 0, ASSESSMENT_EXPECTATION = 1, ASSESSMENT_ISSUE = 2 };

/* Numbered as in MLflow's API. */
enum assessment_source { SOURCE_UNSPECIFIED = 0, SOURCE_HUMAN = 1, SOURCE_LLM_JUDGE = 2, SOURCE_CODE = 3 };

struct assessment {
    int64_t id; /* the store's own; 0 for one that is not stored */
    struct sv assessment_id;
    struct sv trace_id;
    struct sv name;
    enum assessment_kind kind;
    bool valid;
    int64_t create_time;
    int64_t last_update_time;
    struct sv value; /* JSON; "null" where there is only an error */
    struct sv error; /* JSON; may be absent, and so may the rest */
    enum assessment_source source_type;
    struct sv source_id;
    struct sv run_id;
    struct sv span_id;
    struct sv rationale;
    struct sv overrides;
    struct sv metadata; /* JSON, an object of strings */
};

struct trace_metric {
    struct sv key;
    double value;
};

struct trace_info {
    int64_t id; /* the store's own; never leaves the server */
    struct sv trace_id;
    int64_t experiment_id;
    int64_t request_time; /* milliseconds since 1970 UTC */
    bool has_duration;
    int64_t duration; /* milliseconds */
    enum trace_status status;
    bool finalized;              /* a client has said how it went: later spans do not change that */
    struct sv client_request_id; /* may be absent, and so may the previews */
    struct sv request_preview;
    struct sv response_preview;
};

struct trace {
    struct trace_info info;
    const struct key_value *tags; /* ordered by key */
    size_t tag_count;
    const struct key_value *metadata; /* ordered by key */
    size_t metadata_count;
    const struct assessment *assessments; /* ordered by creation */
    size_t assessment_count;
};

/* The row by its public id. trace_find: RESOURCE_DOES_NOT_EXIST "Trace with ID '…' not found." if there is
 * none. trace_look_up: info->id is 0 then. */
enum status trace_find(struct store_tx *tx, struct sv trace_id, struct trace_info *info);
enum status trace_look_up(struct store_tx *tx, struct sv trace_id, struct trace_info *info);

/* By the store's own id, with tags, metadata and assessments. RESOURCE_DOES_NOT_EXIST if it has gone. */
enum status trace_load(struct store_tx *tx, int64_t id, struct trace *trace);

/* Where the artifacts of a trace lie by its experiment, whatever its tags say. In the arena. */
enum status trace_artifact_uri(struct store_tx *tx, const struct trace_info *info, struct sv *uri);

/* Stores a new row, sets info->id, and gives the trace its tag mlflow.artifactLocation. The experiment must
 * be active; its error otherwise. */
enum status trace_insert(struct store_tx *tx, struct trace_info *info);

/* Overwrites all of the row but its ids and experiment. */
enum status trace_update(struct store_tx *tx, const struct trace_info *info);

/* With its spans, assessments, tags and links. Values in other traces that mention it stay. */
enum status trace_delete(struct store_tx *tx, const struct trace_info *info);

/* One tag or item of metadata: stored, replaced. Keys and values are not checked here. */
enum status trace_put_tag(struct store_tx *tx, const struct trace_info *info, struct sv key, struct sv value);
enum status trace_put_metadata(struct store_tx *tx, const struct trace_info *info, struct sv key,
                               struct sv value);

/* Links a trace to a run; neither has to be there. Linking twice is no fault. */
enum status trace_link_run(struct store_tx *tx, struct sv trace_id, struct sv run_id);

/* The value of one tag or item of metadata; absent if there is none. In the arena. */
enum status trace_get_tag(struct store_tx *tx, const struct trace_info *info, struct sv key,
                          struct sv *value);
enum status trace_get_metadata(struct store_tx *tx, const struct trace_info *info, struct sv key,
                               struct sv *value);

/* OK with *deleted false if there is no such tag. */
enum status trace_delete_tag(struct store_tx *tx, const struct trace_info *info, struct sv key,
                             bool *deleted);

/* A number of the whole trace: stored, replaced. */
enum status trace_put_metric(struct store_tx *tx, const struct trace_info *info, struct sv key, double value);

/* Keys of tags and metadata and names of assessments stand once per experiment and kind. */
enum trace_name_kind { TRACE_NAME_TAG = 0, TRACE_NAME_METADATA = 1, TRACE_NAME_ASSESSMENT = 2 };

/* The id of a name; *id is 0 if nothing in the experiment has it. */
enum status trace_name_find(struct store_tx *tx, int64_t experiment, enum trace_name_kind kind,
                            struct sv name, int64_t *id);

/* As trace_name_find, but makes the name if it is new. Needs a write transaction. */
enum status trace_name_intern(struct store_tx *tx, int64_t experiment, enum trace_name_kind kind,
                              struct sv name, int64_t *id);

/* The assessments of a trace, ordered by creation. In the arena. */
enum status assessment_load_all(struct store_tx *tx, const struct trace_info *info,
                                const struct assessment **assessments, size_t *count);

#endif
