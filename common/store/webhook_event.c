#include "common/store/webhook_event.h"

#define BIT(action) (1U << (action))

static const struct {
    const char *name;
    unsigned actions; /* bits */
    const char *actions_text;
} entities[] = {
    [WEBHOOK_REGISTERED_MODEL] = {"registered_model", BIT(WEBHOOK_CREATED), "['created']"},
    [WEBHOOK_MODEL_VERSION] = {"model_version", BIT(WEBHOOK_CREATED), "['created']"},
    [WEBHOOK_MODEL_VERSION_TAG] = {"model_version_tag", BIT(WEBHOOK_SET) | BIT(WEBHOOK_DELETED),
                                   "['deleted', 'set']"},
    [WEBHOOK_MODEL_VERSION_ALIAS] = {"model_version_alias", BIT(WEBHOOK_CREATED) | BIT(WEBHOOK_DELETED),
                                     "['created', 'deleted']"},
    [WEBHOOK_PROMPT] = {"prompt", BIT(WEBHOOK_CREATED), "['created']"},
    [WEBHOOK_PROMPT_VERSION] = {"prompt_version", BIT(WEBHOOK_CREATED), "['created']"},
    [WEBHOOK_PROMPT_TAG] = {"prompt_tag", BIT(WEBHOOK_SET) | BIT(WEBHOOK_DELETED), "['deleted', 'set']"},
    [WEBHOOK_PROMPT_VERSION_TAG] = {"prompt_version_tag", BIT(WEBHOOK_SET) | BIT(WEBHOOK_DELETED),
                                    "['deleted', 'set']"},
    [WEBHOOK_PROMPT_ALIAS] = {"prompt_alias", BIT(WEBHOOK_CREATED) | BIT(WEBHOOK_DELETED),
                              "['created', 'deleted']"},
};
#define ENTITY_COUNT (sizeof(entities) / sizeof(entities[0]))

static const char *const actions[] = {
    [WEBHOOK_CREATED] = "created",
    [WEBHOOK_UPDATED] = "updated",
    [WEBHOOK_DELETED] = "deleted",
    [WEBHOOK_SET] = "set",
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static bool is_entity(enum webhook_entity entity)
{
    return entity >= 1 && (size_t)entity < ENTITY_COUNT;
}

static bool is_action(enum webhook_action action)
{
    return action >= 1 && (size_t)action < ACTION_COUNT;
}

const char *webhook_entity_name(enum webhook_entity entity)
{
    return is_entity(entity) ? entities[entity].name : "unknown";
}

const char *webhook_action_name(enum webhook_action action)
{
    return is_action(action) ? actions[action] : "unknown";
}

bool webhook_entity_parse(struct sv name, enum webhook_entity *entity)
{
    for (size_t i = 1; i < ENTITY_COUNT; i++) {
        if (sv_equal(name, sv_from(entities[i].name))) {
            *entity = (enum webhook_entity)i;
            return true;
        }
    }
    return false;
}

bool webhook_action_parse(struct sv name, enum webhook_action *action)
{
    for (size_t i = 1; i < ACTION_COUNT; i++) {
        if (sv_equal(name, sv_from(actions[i]))) {
            *action = (enum webhook_action)i;
            return true;
        }
    }
    return false;
}

bool webhook_event_exists(struct webhook_event event)
{
    return is_entity(event.entity) && is_action(event.action) &&
           (entities[event.entity].actions & BIT(event.action)) != 0;
}

const char *webhook_actions_text(enum webhook_entity entity)
{
    return is_entity(entity) ? entities[entity].actions_text : "[]";
}
