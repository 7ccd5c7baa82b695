#ifndef TRACKLIGHT_STORE_PERMISSIONS_H
#define TRACKLIGHT_STORE_PERMISSIONS_H

#include "common/base/permission.h"
#include "common/store/store.h"

struct sql_text;

/* What users may do with single things. The transactions are of the database that holds the users, which may
 * be another one than the things' (request_users_tx). */

enum permission_resource {
    PERMISSION_ON_EXPERIMENT = 1,
    PERMISSION_ON_REGISTERED_MODEL,
    PERMISSION_ON_SCORER,
    PERMISSION_ON_SECRET,
    PERMISSION_ON_ENDPOINT,
    PERMISSION_ON_MODEL_DEFINITION,
};

/* The thing itself. An experiment's id is taken as the number that it stands for, so "01" is the experiment
 * "1" here as everywhere. */
struct permission_target {
    enum permission_resource resource;
    struct sv id;   /* a model's name; a scorer's experiment id */
    struct sv name; /* a scorer's; absent for all others */
};

struct permission_row {
    struct permission_target target;
    enum permission permission;
};

/* What the user may do with the thing: his row's level, or `fallback` (the configured default) without one.
 * Being an administrator is not looked at. */
enum status permission_of(struct store_tx *tx, int64_t user_id, const struct permission_target *target,
                          enum permission fallback, enum permission *permission);

/* For searches: which things of a kind the user may deal with at a level. Either all but those listed, or
 * none but those listed. Where a search takes one, NULL is for all things. */
struct permission_filter {
    bool others;          /* whether what is not listed is allowed */
    struct sv exceptions; /* a JSON array of what is listed: numbers for experiments, texts for all others;
                             for scorers texts "experiment id/name" */
    size_t count;         /* of the exceptions; with none, `others` decides alone */
};
enum status permission_filter_of(struct store_tx *tx, int64_t user_id, enum permission_resource resource,
                                 enum permission needed, enum permission fallback,
                                 struct permission_filter *filter);

/* Adds " AND …" for a column with the things' ids to a statement; nothing for NULL. */
void permission_filter_add(struct sql_text *sql, const struct permission_filter *filter, const char *column);

/* For statements that are literals: (column IN (SELECT value FROM json_each(?))) = ?, with these two, which
 * NULL lets all pass too. */
struct db_value permission_filter_list(const struct permission_filter *filter);
struct db_value permission_filter_listed(const struct permission_filter *filter);

/* Leaves of experiments' ids those that the filter lets pass, in their order. */
enum status permission_filter_ids(struct store_tx *tx, const struct permission_filter *filter, int64_t *ids,
                                  size_t *count);

/* Whether the filter lets an experiment pass. */
enum status permission_filter_has(struct store_tx *tx, const struct permission_filter *filter, int64_t id,
                                  bool *has);

/* --- Rows, as the API manages them --- */

/* RESOURCE_ALREADY_EXISTS with MLflow's text if there is a row; RESOURCE_DOES_NOT_EXIST without such a user.
 * *user_id, which replies show, is set. */
enum status permission_create(struct store_tx *tx, struct sv username, const struct permission_target *target,
                              enum permission permission, int64_t *user_id);

/* The next three: RESOURCE_DOES_NOT_EXIST with MLflow's text without such a user or row. */
enum status permission_get(struct store_tx *tx, struct sv username, const struct permission_target *target,
                           enum permission *permission, int64_t *user_id);
enum status permission_update(struct store_tx *tx, struct sv username, const struct permission_target *target,
                              enum permission permission);
enum status permission_delete(struct store_tx *tx, struct sv username,
                              const struct permission_target *target);

/* All rows of a user, in the order of resource, id and name. In the arena. */
enum status permissions_of_user(struct store_tx *tx, int64_t user_id, const struct permission_row **rows,
                                size_t *count);

/* --- What happens to things --- */

/* For who has made the thing: MANAGE, unless he has a row for it already. */
enum status permission_grant_creator(struct store_tx *tx, int64_t user_id,
                                     const struct permission_target *target);

/* The thing is gone: nobody has rows for it any more. An absent name drops those of all of an experiment's
 * scorers. */
enum status permissions_drop(struct store_tx *tx, const struct permission_target *target);

/* A registered model has got another name: its rows move; rows that waited under the new name do not stay. */
enum status permissions_rename(struct store_tx *tx, const struct permission_target *target, struct sv new_id);

#endif
