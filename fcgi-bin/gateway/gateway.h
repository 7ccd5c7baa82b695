#ifndef TRACKLIGHT_GATEWAY_GATEWAY_H
#define TRACKLIGHT_GATEWAY_GATEWAY_H

#include "common/net/target.h"
#include "common/security/envelope.h"
#include "fcgi-bin/gateway/routes.h"
#include "fcgi-bin/gateway/secrets.h"
#include "fcgi-bin/gateway/targets.h"
#include "fcgi-bin/gateway/tokens.h"
#include "fcgi-bin/gateway/usage.h"
#include "fcgi-bin/service.h"

/* What the process has besides the store. */
struct gateway {
    struct service service; /* the first, so that request_gateway finds the rest */
    struct routes *routes;
    struct envelope *envelope;
    struct secrets *secrets;
    struct tokens *tokens;
    struct targets *targets;
    struct usage *usage;
};

struct gateway *request_gateway(const struct request *request);

extern const struct operation inference_operations[];
extern const struct operation deployments_operations[];

#endif
