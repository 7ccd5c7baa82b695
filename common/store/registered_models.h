#ifndef TRACKLIGHT_STORE_REGISTERED_MODELS_H
#define TRACKLIGHT_STORE_REGISTERED_MODELS_H

#include "common/store/model_versions.h"

/* Registered models. A prompt is one that has the tag PROMPT_TAG. */

#define PROMPT_TAG "mlflow.prompt.is_prompt"

struct model_alias {
    struct sv alias;
    int64_t version;
};

struct registered_model {
    int64_t id; /* the store's own; never leaves the server */
    struct sv name;
    int64_t creation_time;
    int64_t last_update_time;
    struct sv description;        /* absent: none */
    const struct key_value *tags; /* in the order in which they were first set */
    size_t tag_count;
    const struct model_alias *aliases; /* in the order of their names */
    size_t alias_count;
    const struct model_version *latest; /* of each stage in use; without aliases */
    size_t latest_count;
};

/* The store's own id. RESOURCE_DOES_NOT_EXIST if there is none; every function below fails so, too. */
enum status registered_model_find(struct store_tx *tx, struct sv name, int64_t *id);

enum status registered_model_load(struct store_tx *tx, struct sv name, struct registered_model *model);
enum status registered_model_load_by_id(struct store_tx *tx, int64_t id, struct registered_model *model);

/* Of equal tag keys the last counts. RESOURCE_ALREADY_EXISTS for a name that any model or prompt has. */
enum status registered_model_create(struct store_tx *tx, struct sv name, struct sv description,
                                    const struct key_value *tags, size_t tag_count);

/* An absent description takes the old one away. */
enum status registered_model_update(struct store_tx *tx, struct sv name, struct sv description);

/* Versions, tags and aliases come along. */
enum status registered_model_rename(struct store_tx *tx, struct sv name, struct sv new_name);

/* With its versions, tags and aliases. */
enum status registered_model_delete(struct store_tx *tx, struct sv name);

/* An absent value is "". Deleting a tag that is not there is no fault. */
enum status registered_model_set_tag(struct store_tx *tx, struct sv name, struct sv key, struct sv value);
enum status registered_model_delete_tag(struct store_tx *tx, struct sv name, struct sv key);

/* Whether the model is a prompt. */
enum status registered_model_is_prompt(struct store_tx *tx, int64_t id, bool *is_prompt);

/* Sets the time of the last update. */
enum status registered_model_touch(struct store_tx *tx, int64_t id);

#endif
