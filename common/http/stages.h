#ifndef TRACKLIGHT_HTTP_STAGES_H
#define TRACKLIGHT_HTTP_STAGES_H

#include "common/http/request.h"

/* The stages of serve.c, in their order there. */
struct stage {
    const char *name;
    enum status (*run)(struct request *request);
};

enum status stage_head(struct request *request);
enum status stage_host(struct request *request);
enum status stage_origin(struct request *request);
enum status stage_route(struct request *request);
enum status stage_authenticate(struct request *request);
enum status stage_body(struct request *request);
enum status stage_permit(struct request *request);
enum status stage_begin(struct request *request);
enum status stage_handler(struct request *request);

/* The headers that every reply carries: X-Request-Id, nosniff, frame options, CORS. */
void stage_stamp(struct request *request);

#endif
