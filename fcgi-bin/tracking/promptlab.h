#ifndef TRACKLIGHT_FCGI_TRACKING_PROMPTLAB_H
#define TRACKLIGHT_FCGI_TRACKING_PROMPTLAB_H

#include "common/artifacts/local.h"
#include "common/http/field.h"

struct json_object;

#define PROMPTLAB_TABLE "eval_results_table.json"

struct promptlab_parameter {
    struct sv key;
    struct json_object *value;
};

/* The input of create-promptlab-run; the lists hold struct promptlab_parameter, `tags` struct key_value. */
struct promptlab {
    struct sv experiment_id;
    struct sv run_name;
    struct list tags;
    struct sv prompt_template;
    struct list prompt_parameters;
    struct sv model_route;
    struct list model_parameters;
    struct sv model_input;
    struct sv model_output;
    struct list model_output_parameters;
    struct sv mlflow_version;
    struct sv user_id;
    struct opt_int64 start_time;
};

/* What identifies the model that is kept with the run. */
struct promptlab_model {
    struct sv run_id;
    struct sv model_uuid;
    struct sv utc_time_created;
    struct sv mlflow_version;
};

/* A parameter's value as text: as Python's str() would have it. */
struct sv promptlab_text(struct arena *arena, struct json_object *value);

struct promptlab_model promptlab_model(struct arena *arena, const struct promptlab *in, struct sv run_id);

/* The model's description as runs/log-model takes it: JSON. */
struct sv promptlab_description(struct arena *arena, const struct promptlab_model *model);

/* Writes the table and the model's folder. */
enum status promptlab_write(struct arena *arena, struct error *error, const struct local_root *root,
                            const struct promptlab *in, const struct promptlab_model *model);

#endif
