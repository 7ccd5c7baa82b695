#ifndef TRACKLIGHT_STORE_REGISTRY_EVENTS_H
#define TRACKLIGHT_STORE_REGISTRY_EVENTS_H

#include "common/store/model_versions.h"

/* Events of the model registry, put into the outbox in the transaction that causes them. A prompt has events
 * of its own, beside those of models; which kind it is decides the tag PROMPT_TAG of what is created, else of
 * the model. */

/* After the model with this id was created. */
enum status registry_event_model_created(struct store_tx *tx, int64_t model);

/* `description` as the client gave it; absent is null. */
enum status registry_event_version_created(struct store_tx *tx, const struct model_version *version,
                                           struct sv description);

/* An absent value: the tag was deleted. Models that are no prompts have no such event. */
enum status registry_event_model_tag(struct store_tx *tx, int64_t model, struct sv name, struct sv key,
                                     struct sv value);

enum status registry_event_version_tag(struct store_tx *tx, const struct model_version_ref *version,
                                       struct sv name, struct sv key, struct sv value);

/* Version 0: the alias was deleted. */
enum status registry_event_alias(struct store_tx *tx, int64_t model, struct sv name, struct sv alias,
                                 int64_t version);

#endif
