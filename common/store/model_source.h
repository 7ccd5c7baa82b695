#ifndef TRACKLIGHT_STORE_MODEL_SOURCE_H
#define TRACKLIGHT_STORE_MODEL_SOURCE_H

#include "common/store/model_versions.h"

/* Where a model version says that its artifacts come from. A version's artifacts can be downloaded, so a
 * source must not name files of the server that the client could not read anyway: a local path has to lie
 * inside the artifact directory of a run or logged model. All comparisons are textual. */

/* INVALID_PARAMETER_VALUE with MLflow's texts, or RESOURCE_DOES_NOT_EXIST for a run or logged model that is
 * not there. */
enum status model_source_check(struct store_tx *tracking, const struct model_version_create *create);

/* The thing in the store that a source names: a model, a logged model or a run. What is not well-formed
 * names nothing. */
enum model_source_kind {
    MODEL_SOURCE_PLACE, /* none of these: a place, or a word */
    MODEL_SOURCE_REGISTERED_MODEL,
    MODEL_SOURCE_LOGGED_MODEL,
    MODEL_SOURCE_RUN,
};
struct model_source_name {
    struct sv name; /* or id */
};
enum model_source_kind model_source_names(struct sv source, struct model_source_name *named);

/* Marks the location of a version that has no files, so that no reader of artifacts takes the word for the
 * name of a folder: none knows this scheme. */
#define MODEL_PLACEHOLDER "placeholder:"

/* The place behind a source, in *location: that of the version or logged model which a models: URI names,
 * else the source itself. *run_id becomes the run that made the logged model if it is empty. */
enum status model_source_resolve(struct store_tx *tx, struct store_tx *tracking,
                                 const struct model_version_create *create, struct sv *location,
                                 struct sv *run_id);

/* The place as clients are told it: a placeholder without its mark. */
struct sv model_location_shown(struct sv location);

/* Compiles the pattern of MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX, a POSIX extended regular
 * expression, for the store; absent or "": none. Fails with a sentence for the administrator. */
enum status model_source_set_pattern(struct store *store, struct sv pattern, struct arena *arena,
                                     struct error *error);
void model_source_free_pattern(struct store *store);

#endif
