#ifndef TRACKLIGHT_FCGI_PERMIT_FILTER_H
#define TRACKLIGHT_FCGI_PERMIT_FILTER_H

#include "common/http/request.h"
#include "common/store/permissions.h"

/* For handlers that show, or touch, many things at once: which of a kind who asks may deal with at a level.
 * *filter is handed to the store's search; NULL: all of them, as without authentication. Operations that need
 * FILTERED must ask. May be called inside of a transaction and outside of one. */
enum status permit_filter(struct request *request, enum permission_resource resource, enum permission needed,
                          const struct permission_filter **filter);

/* --- What happens to things, in the handler's transaction --- */

/* Who asks has made it: MANAGE for him. Nothing without authentication; so do the next two. */
enum status permit_grant_creator(struct request *request, enum permission_resource resource, struct sv id,
                                 struct sv name);

/* It is gone: nobody has rights on it any more. */
enum status permit_drop(struct request *request, enum permission_resource resource, struct sv id,
                        struct sv name);

/* A registered model has another name. */
enum status permit_rename_model(struct request *request, struct sv name, struct sv new_name);

#endif
