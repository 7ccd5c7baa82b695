#ifndef TRACKLIGHT_FCGI_JOBS_BODY_H
#define TRACKLIGHT_FCGI_JOBS_BODY_H

#include <json-c/json.h>

#include "common/base/arena_text.h"
#include "common/http/request.h"

/* Bodies that MLflow has from FastAPI: all that is wrong with one is answered at once, with 422 and
 * {"detail": [{"type", "loc", "msg", "input", "ctx"?}]}, as pydantic words it. */
struct body {
    struct request *request;
    struct json_object *object; /* the body; belongs to the request */
    struct arena_text problems;
};

/* Parses the body. FAILED (answered) if it is no JSON object. */
enum status body_begin(struct body *body, struct request *request);

/* Members by name, with any problem put down. A text and a number are absent, or not set, if the member is
 * not there or null, which is a problem if it is required. */
struct sv body_string(struct body *body, const char *name, bool required);
struct json_object *body_object(struct body *body, const char *name, bool required);
struct opt_double body_seconds(struct body *body, const char *name);

/* Puts down a problem with the item of a list (or the member itself: index -1). `more` is absent, or the
 * members that are to follow: ,"ctx":{…} */
void body_problem(struct body *body, const char *name, int64_t index, const char *type, struct sv message,
                  struct json_object *input, struct sv more);

/* OK, or FAILED after the reply if there were problems. */
enum status body_end(struct body *body);

#endif
