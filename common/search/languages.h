#ifndef TRACKLIGHT_SEARCH_LANGUAGES_H
#define TRACKLIGHT_SEARCH_LANGUAGES_H

#include "common/base/sv.h"
#include "common/search/language.h"

/* runs/search and experiments/search. */

enum run_entity { RUN_METRIC, RUN_PARAM, RUN_TAG, RUN_ATTRIBUTE, RUN_DATASET };

enum run_key {
    RUN_KEY_RUN_ID,
    RUN_KEY_RUN_NAME,
    RUN_KEY_USER_ID,
    RUN_KEY_STATUS,
    RUN_KEY_ARTIFACT_URI,
    RUN_KEY_START_TIME,
    RUN_KEY_END_TIME,
    RUN_KEY_DATASET_NAME,
    RUN_KEY_DATASET_DIGEST,
    RUN_KEY_DATASET_CONTEXT,
};

extern const struct search_language run_language;

enum experiment_entity { EXPERIMENT_ATTRIBUTE, EXPERIMENT_TAG };

enum experiment_key {
    EXPERIMENT_KEY_NAME,
    EXPERIMENT_KEY_ID,
    EXPERIMENT_KEY_CREATION_TIME,
    EXPERIMENT_KEY_LAST_UPDATE_TIME,
};

extern const struct search_language experiment_language;

/* registered-models/search and model-versions/search. */

enum registry_entity { REGISTRY_ATTRIBUTE, REGISTRY_TAG };

enum registry_key {
    REGISTRY_KEY_NAME,
    REGISTRY_KEY_VERSION,
    REGISTRY_KEY_CREATION_TIME,
    REGISTRY_KEY_LAST_UPDATE_TIME,
    REGISTRY_KEY_RUN_ID,
    REGISTRY_KEY_SOURCE,
};

extern const struct search_language model_language;
extern const struct search_language model_version_language;

/* logged-models/search. */

enum logged_model_entity {
    LOGGED_MODEL_ATTRIBUTE,
    LOGGED_MODEL_METRIC,
    LOGGED_MODEL_PARAM,
    LOGGED_MODEL_TAG,
};

enum logged_model_key {
    LOGGED_MODEL_KEY_NAME,
    LOGGED_MODEL_KEY_MODEL_ID,
    LOGGED_MODEL_KEY_MODEL_TYPE,
    LOGGED_MODEL_KEY_SOURCE_RUN_ID,
    LOGGED_MODEL_KEY_STATUS,
    LOGGED_MODEL_KEY_STATUS_MESSAGE,
    LOGGED_MODEL_KEY_ARTIFACT_LOCATION,
    LOGGED_MODEL_KEY_EXPERIMENT_ID,
    LOGGED_MODEL_KEY_LIFECYCLE_STAGE,
    LOGGED_MODEL_KEY_CREATION_TIME,
    LOGGED_MODEL_KEY_LAST_UPDATE_TIME,
};

extern const struct search_language logged_model_language;

/* The attribute of this name, as order_by of logged-models/search gives it; NULL if there is none. */
const struct search_key *logged_model_attribute(struct sv name);

/* datasets/search of evaluation datasets. */

enum evaluation_dataset_entity { EVALUATION_DATASET_ATTRIBUTE, EVALUATION_DATASET_TAG };

enum evaluation_dataset_key {
    EVALUATION_DATASET_KEY_NAME,
    EVALUATION_DATASET_KEY_CREATED_BY,
    EVALUATION_DATASET_KEY_LAST_UPDATED_BY,
    EVALUATION_DATASET_KEY_CREATED_TIME,
    EVALUATION_DATASET_KEY_LAST_UPDATE_TIME,
    EVALUATION_DATASET_KEY_ID, /* ends every order; cannot be named */
};

extern const struct search_language evaluation_dataset_language;

/* traces/search. */

enum trace_entity {
    TRACE_ATTRIBUTE,
    TRACE_TAG,
    TRACE_METADATA,
    TRACE_SPAN,
    TRACE_SPAN_ATTRIBUTE, /* behind "span.attributes." */
    TRACE_FEEDBACK,
    TRACE_EXPECTATION,
};

enum trace_key {
    TRACE_KEY_STATUS,
    TRACE_KEY_REQUEST_ID,
    TRACE_KEY_CLIENT_REQUEST_ID,
    TRACE_KEY_TIMESTAMP,
    TRACE_KEY_EXECUTION_TIME,
    TRACE_KEY_END_TIME,
    TRACE_KEY_EXPERIMENT_ID,
    TRACE_KEY_NAME,   /* a tag */
    TRACE_KEY_RUN_ID, /* metadata, or a link */
    TRACE_KEY_PROMPT,
    TRACE_KEY_TEXT,
    TRACE_KEY_SPAN_NAME,
    TRACE_KEY_SPAN_TYPE,
    TRACE_KEY_SPAN_STATUS,
    TRACE_KEY_SPAN_CONTENT,
};

extern const struct search_language trace_language;

#endif
