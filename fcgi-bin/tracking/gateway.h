#ifndef TRACKLIGHT_FCGI_TRACKING_GATEWAY_H
#define TRACKLIGHT_FCGI_TRACKING_GATEWAY_H

#include "common/http/request.h"
#include "common/store/gateway_models.h"

/* What the handlers of the gateway's management share. */

/* The empty string means "not sent". */
struct sv gateway_text(struct sv text);

/* created_at, last_updated_at, and who made the changes, where that is known. */
void put_gateway_audit(struct json_writer *json, const struct gateway_audit *audit);
void put_gateway_model(struct json_writer *json, const struct gateway_model *model);

/* Passphrase and version under which new secrets are encrypted. */
struct envelope *gateway_envelope(void);

#endif
