#ifndef TRACKLIGHT_STORE_MODEL_VERSIONS_H
#define TRACKLIGHT_STORE_MODEL_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Versions of registered models. Their numbers count up from 1 and are never used again. */

#define PROMPT_TEXT_TAG "mlflow.prompt.text"

enum model_stage { STAGE_NONE, STAGE_STAGING, STAGE_PRODUCTION, STAGE_ARCHIVED, MODEL_STAGES };

struct model_version {
    int64_t id; /* the store's own, as that of the model */
    int64_t model;
    struct sv name;
    int64_t version;
    enum model_stage stage;
    int64_t creation_time;
    int64_t last_update_time;
    struct sv description; /* absent once an update took it away */
    struct sv source;      /* as the client gave it */
    struct sv location;    /* where the artifacts are (model_location_shown) */
    struct sv run_id;      /* "": none */
    struct sv run_link;
    const struct key_value *tags; /* in the order in which they were first set */
    size_t tag_count;
    const struct sv *aliases; /* in their order; only where the function says so */
    size_t alias_count;
};

struct model_version_create {
    struct sv name;
    struct sv source;
    struct sv run_id;
    struct sv run_link;
    struct sv description;
    struct sv model_id; /* of a logged model */
    const struct key_value *tags;
    size_t tag_count;
};

const char *model_stage_name(enum model_stage stage);

/* In any case. INVALID_PARAMETER_VALUE for an unknown stage. */
enum status model_stage_parse(struct store_tx *tx, struct sv text, enum model_stage *stage);

/* Functions that take a name and a version take both as the client wrote them. They fail with
 * INVALID_PARAMETER_VALUE if the version is no integer, with RESOURCE_DOES_NOT_EXIST if there is none. */

/* What a write needs to know about a version. */
struct model_version_ref {
    int64_t id; /* the store's own, as that of the model */
    int64_t model;
    int64_t version;
    enum model_stage stage;
};

enum status model_version_find(struct store_tx *tx, struct sv name, struct sv version,
                               struct model_version_ref *ref);

/* With aliases. */
enum status model_version_load(struct store_tx *tx, struct sv name, struct sv version,
                               struct model_version *loaded);

/* Without aliases. */
enum status model_version_load_by_id(struct store_tx *tx, int64_t id, struct model_version *loaded);

/* Fills in the aliases of a version that was loaded without them. */
enum status model_version_load_aliases(struct store_tx *tx, struct model_version *version);

/* The highest version of each stage in use, in the order in which the stages are first met from version 1
 * on. Without aliases. */
enum status model_version_load_latest(struct store_tx *tx, int64_t model, const struct model_version **latest,
                                      size_t *count);

/* The version with the highest number. RESOURCE_DOES_NOT_EXIST if the model or any version is missing. With
 * aliases. */
enum status model_version_load_newest(struct store_tx *tx, struct sv name, struct model_version *loaded);

/* Gives the version the next number. Its source is checked first (model_source.h): `tracking` is a
 * transaction of the store that has runs and logged models, which may be `tx` itself; a create with a
 * model_id writes there. */
enum status model_version_create(struct store_tx *tx, struct store_tx *tracking,
                                 const struct model_version_create *create, struct model_version *created);

/* An absent description takes the old one away. */
enum status model_version_update(struct store_tx *tx, struct sv name, struct sv version,
                                 struct sv description);

/* `archive_existing` moves the other versions of the stage to Archived. */
enum status model_version_transition(struct store_tx *tx, struct sv name, struct sv version, struct sv stage,
                                     bool archive_existing);

/* With its tags and aliases. */
enum status model_version_delete(struct store_tx *tx, struct sv name, struct sv version);

/* An absent value is "". Deleting a tag that is not there is no fault. */
enum status model_version_set_tag(struct store_tx *tx, struct sv name, struct sv version, struct sv key,
                                  struct sv value);
enum status model_version_delete_tag(struct store_tx *tx, struct sv name, struct sv version, struct sv key);

/* A tag of a model or of a version. An absent value becomes "". */
enum status registry_tag_check(struct store_tx *tx, struct key_value *tag);

/* Whether a tag that makes a prompt is among them. */
bool registry_tags_have_prompt(const struct key_value *tags, size_t count);

#endif
