#include "common/store/permissions.h"

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/number.h"
#include "common/json/json_write.h"
#include "common/store/list.h"
#include "common/store/sql_text.h"
#include "common/store/text.h"
#include "common/store/users.h"

#define FILTER_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* How MLflow's messages call them. */
static const struct kind {
    const char *title;
    const char *id;
} kinds[] = {
    [PERMISSION_ON_EXPERIMENT] = {"Experiment", "experiment_id"},
    [PERMISSION_ON_REGISTERED_MODEL] = {"Registered model", "name"},
    [PERMISSION_ON_SCORER] = {"Scorer", "experiment_id"},
    [PERMISSION_ON_SECRET] = {"Gateway secret", "secret_id"},
    [PERMISSION_ON_ENDPOINT] = {"Gateway endpoint", "endpoint_id"},
    [PERMISSION_ON_MODEL_DEFINITION] = {"Gateway model definition", "model_definition_id"},
};

static bool is_of_experiment(enum permission_resource resource)
{
    return resource == PERMISSION_ON_EXPERIMENT || resource == PERMISSION_ON_SCORER;
}

/* The one spelling under which rows are kept. */
static struct sv canonical_id(struct arena *arena, enum permission_resource resource, struct sv id)
{
    int64_t number;
    if (is_of_experiment(resource) && parse_int64(id, 0, INT64_MAX, &number))
        return arena_printf(arena, "%lld", (long long)number);
    return id.data ? id : SV("");
}

static struct permission_target canonical(struct store_tx *tx, const struct permission_target *target)
{
    return (struct permission_target){
        .resource = target->resource,
        .id = canonical_id(tx->arena, target->resource, target->id),
        .name = target->name.data ? target->name : SV(""),
    };
}

static enum status find(struct store_tx *tx, int64_t user_id, const struct permission_target *target,
                        enum permission *permission, bool *found)
{
    struct permission_target at = canonical(tx, target);
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT permission FROM permissions WHERE user = ? AND resource = ? "
                                    "AND resource_id = ? AND name = ?",
                                    db_int(user_id), db_int(at.resource), db_text(at.id), db_text(at.name));
    if (!stmt)
        return FAILED;
    *found = db_step(stmt) == DB_ROW;
    if (*found)
        *permission = (enum permission)db_column_int(stmt, 0);
    return db_done(stmt);
}

enum status permission_of(struct store_tx *tx, int64_t user_id, const struct permission_target *target,
                          enum permission fallback, enum permission *permission)
{
    bool found = false;
    *permission = PERMISSION_NONE;
    if (find(tx, user_id, target, permission, &found) != OK)
        return FAILED;
    if (!found)
        *permission = fallback;
    return OK;
}

/* --- For searches --- */

static void put_exception(struct store_tx *tx, struct json_writer *json, struct db_stmt *stmt,
                          enum permission_resource resource)
{
    int64_t number;
    struct sv id = db_column_text(stmt, 0);
    if (resource == PERMISSION_ON_EXPERIMENT && parse_int64(id, 0, INT64_MAX, &number))
        json_put_int(json, number);
    else if (resource == PERMISSION_ON_SCORER)
        json_put_string(json,
                        arena_printf(tx->arena, "%.*s/%.*s", SV_ARG(id), SV_ARG(db_column_text(stmt, 1))));
    else
        json_put_string(json, id);
}

static enum status put_exceptions(struct store_tx *tx, int64_t user_id, enum permission_resource resource,
                                  enum permission needed, struct permission_filter *filter,
                                  struct json_writer *json)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT resource_id, name FROM permissions WHERE user = ? AND resource = ? "
                 "AND (permission >= ?) <> ?",
                 db_int(user_id), db_int(resource), db_int(needed), db_int(filter->others));
    if (!stmt)
        return FAILED;
    json_begin_array(json);
    while (db_step(stmt) == DB_ROW) {
        put_exception(tx, json, stmt, resource);
        filter->count++;
    }
    json_end_array(json);
    return db_done(stmt);
}

enum status permission_filter_of(struct store_tx *tx, int64_t user_id, enum permission_resource resource,
                                 enum permission needed, enum permission fallback,
                                 struct permission_filter *filter)
{
    struct buffer text;
    struct json_writer json;
    *filter = (struct permission_filter){.others = fallback >= needed};
    buffer_init(&text, FILTER_MAX_BYTES);
    json_writer_init(&json, &text);
    enum status status = put_exceptions(tx, user_id, resource, needed, filter, &json);
    if (status == OK && text.failed)
        status =
            store_fail(tx, TEMPORARILY_UNAVAILABLE, "There is no memory for the permissions. Try again.");
    if (status == OK)
        filter->exceptions = arena_copy(tx->arena, buffer_sv(&text));
    buffer_free(&text);
    return status;
}

static bool lets_all_pass(const struct permission_filter *filter)
{
    return !filter || (filter->others && !filter->count);
}

/* One of the two ways, so that few things that are allowed are where a search may start. */
void permission_filter_add(struct sql_text *sql, const struct permission_filter *filter, const char *column)
{
    if (lets_all_pass(filter))
        return;
    sql_text_printf(sql, " AND %s %s (SELECT value FROM json_each(?))", column,
                    filter->others ? "NOT IN" : "IN");
    sql_text_bind(sql, db_text(filter->exceptions));
}

struct db_value permission_filter_list(const struct permission_filter *filter)
{
    return db_text(filter ? filter->exceptions : SV("[]"));
}

struct db_value permission_filter_listed(const struct permission_filter *filter)
{
    return db_int(filter && !filter->others);
}

static struct sv ids_text(struct arena *arena, const int64_t *ids, size_t count)
{
    enum { ID_BYTES = 21 }; /* with its comma */
    char *text = arena_alloc(arena, count * ID_BYTES + 2);
    size_t len = 0;
    text[len++] = '[';
    for (size_t i = 0; i < count; i++) {
        if (i)
            text[len++] = ',';
        len += (size_t)snprintf(text + len, ID_BYTES, "%lld", (long long)ids[i]);
    }
    text[len++] = ']';
    return (struct sv){text, len};
}

enum status permission_filter_ids(struct store_tx *tx, const struct permission_filter *filter, int64_t *ids,
                                  size_t *count)
{
    size_t kept = 0;
    if (lets_all_pass(filter))
        return OK;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT value FROM json_each(?) WHERE (value IN (SELECT value FROM json_each(?))) = ? "
                 "ORDER BY key",
                 db_text(ids_text(tx->arena, ids, *count)), permission_filter_list(filter),
                 permission_filter_listed(filter));
    while (stmt && kept < *count && db_step(stmt) == DB_ROW)
        ids[kept++] = db_column_int(stmt, 0);
    *count = kept;
    return db_done(stmt);
}

enum status permission_filter_has(struct store_tx *tx, const struct permission_filter *filter, int64_t id,
                                  bool *has)
{
    size_t count = 1;
    if (permission_filter_ids(tx, filter, &id, &count) != OK)
        return FAILED;
    *has = count == 1;
    return OK;
}

/* --- Rows --- */

/* "experiment_id=1", "experiment_id=1, scorer_name=s" */
static struct sv target_text(struct store_tx *tx, const struct permission_target *target)
{
    struct sv id = search_clip(target->id), name = search_clip(target->name);
    if (target->resource != PERMISSION_ON_SCORER)
        return arena_printf(tx->arena, "%s=%.*s", kinds[target->resource].id, SV_ARG(id));
    return arena_printf(tx->arena, "experiment_id=%.*s, scorer_name=%.*s", SV_ARG(id), SV_ARG(name));
}

static enum status not_found(struct store_tx *tx, struct sv username, const struct permission_target *target)
{
    struct sv shown = search_clip(username);
    bool scorer = target->resource == PERMISSION_ON_SCORER;
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "%s permission with %.*s%s and username=%.*s not found",
                      kinds[target->resource].title, SV_ARG(target_text(tx, target)), scorer ? "," : "",
                      SV_ARG(shown));
}

static enum status find_user(struct store_tx *tx, struct sv username, int64_t *user_id)
{
    struct user user;
    if (user_load(tx, username, &user) != OK)
        return FAILED;
    *user_id = user.id;
    return OK;
}

enum status permission_create(struct store_tx *tx, struct sv username, const struct permission_target *target,
                              enum permission permission, int64_t *user_id)
{
    struct permission_target at = canonical(tx, target);
    if (find_user(tx, username, user_id) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "INSERT INTO permissions (user, resource, resource_id, name, permission) "
                "VALUES (?, ?, ?, ?, ?)",
                db_int(*user_id), db_int(at.resource), db_text(at.id), db_text(at.name),
                db_int(permission)) == OK)
        return OK;
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    struct sv shown = search_clip(username);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS, "%s permission (%.*s, username=%.*s) already exists.",
                      kinds[at.resource].title, SV_ARG(target_text(tx, target)), SV_ARG(shown));
}

enum status permission_get(struct store_tx *tx, struct sv username, const struct permission_target *target,
                           enum permission *permission, int64_t *user_id)
{
    bool found = false;
    if (find_user(tx, username, user_id) != OK || find(tx, *user_id, target, permission, &found) != OK)
        return FAILED;
    return found ? OK : not_found(tx, username, target);
}

enum status permission_update(struct store_tx *tx, struct sv username, const struct permission_target *target,
                              enum permission permission)
{
    int64_t user_id, changed = 0;
    struct permission_target at = canonical(tx, target);
    if (find_user(tx, username, &user_id) != OK ||
        db_exec(tx->db, &changed,
                "UPDATE permissions SET permission = ? WHERE user = ? AND resource = ? AND resource_id = ? "
                "AND name = ?",
                db_int(permission), db_int(user_id), db_int(at.resource), db_text(at.id),
                db_text(at.name)) != OK)
        return FAILED;
    return changed ? OK : not_found(tx, username, target);
}

enum status permission_delete(struct store_tx *tx, struct sv username, const struct permission_target *target)
{
    int64_t user_id, changed = 0;
    struct permission_target at = canonical(tx, target);
    if (find_user(tx, username, &user_id) != OK ||
        db_exec(tx->db, &changed,
                "DELETE FROM permissions WHERE user = ? AND resource = ? AND resource_id = ? AND name = ?",
                db_int(user_id), db_int(at.resource), db_text(at.id), db_text(at.name)) != OK)
        return FAILED;
    return changed ? OK : not_found(tx, username, target);
}

enum status permissions_of_user(struct store_tx *tx, int64_t user_id, const struct permission_row **rows,
                                size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT resource, resource_id, name, permission FROM permissions "
                                    "WHERE user = ? ORDER BY resource, resource_id, name",
                                    db_int(user_id));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct permission_row *row = ROW_LIST_ADD(&list, tx->arena, struct permission_row);
        row->target.resource = (enum permission_resource)db_column_int(stmt, 0);
        row->target.id = db_column_text_copy(stmt, 1);
        row->target.name = db_column_text_copy(stmt, 2);
        row->permission = (enum permission)db_column_int(stmt, 3);
    }
    *rows = list.items;
    *count = list.count;
    return db_done(stmt);
}

/* --- What happens to things --- */

enum status permission_grant_creator(struct store_tx *tx, int64_t user_id,
                                     const struct permission_target *target)
{
    struct permission_target at = canonical(tx, target);
    return db_exec(tx->db, NULL,
                   "INSERT INTO permissions (user, resource, resource_id, name, permission) "
                   "SELECT id, ?, ?, ?, ? FROM users WHERE id = ? ON CONFLICT DO NOTHING",
                   db_int(at.resource), db_text(at.id), db_text(at.name), db_int(PERMISSION_MANAGE),
                   db_int(user_id));
}

enum status permissions_drop(struct store_tx *tx, const struct permission_target *target)
{
    struct permission_target at = canonical(tx, target);
    return db_exec(
        tx->db, NULL,
        "DELETE FROM permissions WHERE resource = ? AND resource_id = ? AND name = coalesce(?, name)",
        db_int(at.resource), db_text(at.id),
        target->resource == PERMISSION_ON_SCORER ? db_text(target->name) : db_null());
}

enum status permissions_rename(struct store_tx *tx, const struct permission_target *target, struct sv new_id)
{
    struct permission_target at = canonical(tx, target);
    struct permission_target new_at = canonical(
        tx, &(struct permission_target){.resource = target->resource, .id = new_id, .name = target->name});
    if (sv_equal(at.id, new_at.id))
        return OK;
    if (permissions_drop(tx, &new_at) != OK)
        return FAILED;
    return db_exec(
        tx->db, NULL,
        "UPDATE permissions SET resource_id = ? WHERE resource = ? AND resource_id = ? AND name = ?",
        db_text(new_at.id), db_int(at.resource), db_text(at.id), db_text(at.name));
}
