#ifndef TRACKLIGHT_STORE_MODEL_ALIASES_H
#define TRACKLIGHT_STORE_MODEL_ALIASES_H

#include "common/store/model_versions.h"

/* Names for versions of a registered model; each names one version at a time. */

/* Moves the alias if the model has it already. */
enum status model_alias_set(struct store_tx *tx, struct sv name, struct sv alias, struct sv version);

/* An alias that is not there is no fault; a model that is not there is. */
enum status model_alias_delete(struct store_tx *tx, struct sv name, struct sv alias);

/* The version that an alias names, with all its aliases. "latest", in any case, is the highest version.
 * INVALID_PARAMETER_VALUE for an unknown alias, also where the model does not exist. */
enum status model_alias_load(struct store_tx *tx, struct sv name, struct sv alias,
                             struct model_version *version);

#endif
