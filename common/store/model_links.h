#ifndef TRACKLIGHT_STORE_MODEL_LINKS_H
#define TRACKLIGHT_STORE_MODEL_LINKS_H

#include <stdint.h>

#include "common/store/store.h"

/* Notes in the logged model's tag mlflow.modelVersions, a JSON list, that it was registered as this version.
 * In a write transaction of the store that has the logged models. */
enum status model_link_logged_model(struct store_tx *tracking, struct sv model_id, struct sv name,
                                    int64_t version);

#endif
