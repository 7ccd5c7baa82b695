#ifndef TRACKLIGHT_STORE_WEBHOOK_EVENT_H
#define TRACKLIGHT_STORE_WEBHOOK_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/sv.h"

/* The events that a webhook can ask for, numbered as in the API. */
enum webhook_entity {
    WEBHOOK_REGISTERED_MODEL = 1,
    WEBHOOK_MODEL_VERSION,
    WEBHOOK_MODEL_VERSION_TAG,
    WEBHOOK_MODEL_VERSION_ALIAS,
    WEBHOOK_PROMPT,
    WEBHOOK_PROMPT_VERSION,
    WEBHOOK_PROMPT_TAG,
    WEBHOOK_PROMPT_VERSION_TAG,
    WEBHOOK_PROMPT_ALIAS,
};

enum webhook_action { WEBHOOK_CREATED = 1, WEBHOOK_UPDATED, WEBHOOK_DELETED, WEBHOOK_SET };

struct webhook_event {
    enum webhook_entity entity;
    enum webhook_action action;
};

/* Names as on the wire of a delivery, in lower case: "model_version", "created". */
const char *webhook_entity_name(enum webhook_entity entity);
const char *webhook_action_name(enum webhook_action action);

/* False for what is not a name. */
bool webhook_entity_parse(struct sv name, enum webhook_entity *entity);
bool webhook_action_parse(struct sv name, enum webhook_action *action);

/* Whether there is such an event. */
bool webhook_event_exists(struct webhook_event event);

/* The actions of an entity as messages list them: "['deleted', 'set']". */
const char *webhook_actions_text(enum webhook_entity entity);

#endif
