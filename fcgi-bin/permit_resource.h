#ifndef TRACKLIGHT_FCGI_PERMIT_RESOURCE_H
#define TRACKLIGHT_FCGI_PERMIT_RESOURCE_H

#include "common/store/permissions.h"
#include "fcgi-bin/permit_input.h"

/* What is named, and what the user may do with it. */

struct check {
    struct request *request;
    const void *in;
    struct store_tx *things; /* of the tracking store; NULL where nothing is looked up */
    struct store_tx *users;
    const struct need *need;
    bool denied;
    int64_t experiment; /* granted last, at `granted`; 0 with PERMISSION_NONE: none yet */
    enum permission granted;
};

/* Whether the resource must be looked up in the tracking store before anybody knows who decides about it. */
bool permit_looks_up(enum resource resource);

/* Whether rights on this resource are decided here: not for PUBLIC, ANY, FILTERED, USER and ADMIN. */
bool permit_has_rights(enum resource resource);

/* Sets check->denied if the user may not do what check->need says with one of those that are named. FAILED
 * with the error of a thing that is not there. */
enum status permit_check_named(struct check *check, const struct named *named);

#endif
