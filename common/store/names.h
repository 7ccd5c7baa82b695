#ifndef TRACKLIGHT_STORE_NAMES_H
#define TRACKLIGHT_STORE_NAMES_H

#include <stdint.h>

#include "common/store/store.h"

/* Names of metrics, params and tags are stored once per experiment and kind. */
enum name_kind { NAME_METRIC = 0, NAME_PARAM = 1, NAME_TAG = 2 };

/* The id of a name; *id is 0 if nothing in the experiment has it. */
enum status name_find(struct store_tx *tx, int64_t experiment, enum name_kind kind, struct sv name,
                      int64_t *id);

/* As name_find, but makes the name if it is new. Needs a write transaction. */
enum status name_intern(struct store_tx *tx, int64_t experiment, enum name_kind kind, struct sv name,
                        int64_t *id);

#endif
