#include "common/store/users.h"

#include "common/store/permissions.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/auth_password.h"
#include "fcgi-bin/tracking/tracking.h"

struct user_in {
    struct sv username;
    struct sv password;
    struct opt_bool is_admin;
};

/* --- What users look like --- */

/* Rows of one kind, which stand together. */
static void put_permissions(struct json_writer *json, const char *key, enum permission_resource resource,
                            int64_t user_id, const struct permission_row *rows, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].target.resource == resource)
            put_permission(json, &rows[i].target, rows[i].permission, user_id);
    }
    json_end_array(json);
}

static enum status reply_user(struct request *request, const struct user *user)
{
    const struct permission_row *rows;
    size_t count;
    if (permissions_of_user(request_tx(request), user->id, &rows, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "user");
    json_begin_object(json);
    put_permissions(json, "experiment_permissions", PERMISSION_ON_EXPERIMENT, user->id, rows, count);
    json_put_int_field(json, "id", user->id);
    json_put_bool_field(json, "is_admin", user->is_admin);
    put_permissions(json, "registered_model_permissions", PERMISSION_ON_REGISTERED_MODEL, user->id, rows,
                    count);
    put_permissions(json, "scorer_permissions", PERMISSION_ON_SCORER, user->id, rows, count);
    json_put_string_field(json, "username", user->username);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* The change is made before it is put down, and put down before it is answered. */
static enum status finish(struct request *request, struct sv username)
{
    if (request_commit(request) != OK)
        return FAILED;
    auth_audit(request, request->operation->name, username);
    return OK;
}

/* --- create --- */

static const struct field create_fields[] = {
    FIELD(struct user_in, username, STRING),
    FIELD(struct user_in, password, STRING),
    FIELDS_END,
};

static enum status check_given(struct request *request, const struct user_in *in)
{
    const char *absent = !in->username.data ? "username" : !in->password.data ? "password" : NULL;
    if (absent)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Missing value for required parameter '%s'." API_DOCS_TAIL, absent);
    if (in->username.len && in->password.len)
        return OK;
    reply_text(request, 400, "text/html", SV("Username and password cannot be empty."));
    return FAILED;
}

static enum status create_user(struct request *request, const void *input)
{
    const struct user_in *in = input;
    struct sv hash;
    struct user user;
    int64_t id;
    if (check_given(request, in) != OK)
        return auth_answered(request);
    if (username_check(request->arena, &request->error, in->username) != OK ||
        password_check(request->arena, &request->error, in->username, in->password) != OK ||
        auth_hash_password(request, in->password, &hash) != OK || request_begin(request, ACCESS_WRITE) != OK)
        return FAILED;
    struct store_tx *tx = request_tx(request);
    if (user_create(tx, in->username, hash, false, &id) != OK || user_load(tx, in->username, &user) != OK ||
        reply_user(request, &user) != OK)
        return FAILED;
    return finish(request, in->username);
}

/* --- get --- */

static const struct field name_fields[] = {
    FIELD(struct user_in, username, STRING, .required = true),
    FIELDS_END,
};

static enum status get_user(struct request *request, const void *input)
{
    const struct user_in *in = input;
    struct user user;
    return user_load(request_tx(request), in->username, &user) == OK ? reply_user(request, &user) : FAILED;
}

/* --- update-password --- */

static const struct field password_fields[] = {
    FIELD(struct user_in, username, STRING, .required = true),
    FIELD(struct user_in, password, STRING, .required = true),
    FIELDS_END,
};

static enum status check_user(struct request *request, struct sv username)
{
    struct user user;
    if (request_begin(request, ACCESS_READ) != OK || user_load(request_tx(request), username, &user) != OK)
        return FAILED;
    return request_commit(request);
}

static enum status update_password(struct request *request, const void *input)
{
    const struct user_in *in = input;
    struct sv hash;
    if (check_user(request, in->username) != OK ||
        password_check(request->arena, &request->error, in->username, in->password) != OK ||
        auth_hash_password(request, in->password, &hash) != OK ||
        request_begin(request, ACCESS_WRITE) != OK ||
        user_set_password(request_tx(request), in->username, hash) != OK ||
        finish(request, in->username) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- update-admin --- */

static const struct field admin_fields[] = {
    FIELD(struct user_in, username, STRING, .required = true),
    FIELD(struct user_in, is_admin, BOOL, .required = true),
    FIELDS_END,
};

static enum status update_admin(struct request *request, const void *input)
{
    const struct user_in *in = input;
    struct sv change =
        arena_printf(request->arena, "%.*s %s", SV_ARG(in->username), in->is_admin.value ? "admin" : "user");
    if (user_set_admin(request_tx(request), in->username, in->is_admin.value) != OK ||
        finish(request, change) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- delete --- */

static enum status delete_user(struct request *request, const void *input)
{
    const struct user_in *in = input;
    if (user_delete(request_tx(request), in->username) != OK || finish(request, in->username) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- For the page: who there is, and all that one of them was granted --- */

static enum status list_users(struct request *request, const void *input)
{
    (void)input;
    const struct user *users;
    size_t count;
    if (users_list(request_tx(request), &users, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "users");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_put_int_field(json, "id", users[i].id);
        json_put_string_field(json, "username", users[i].username);
        json_put_bool_field(json, "is_admin", users[i].is_admin);
        json_put_bool_field(json, "has_password", users[i].password_hash.data != NULL);
        json_put_int_field(json, "creation_time", users[i].creation_time);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return OK;
}

static enum status list_grants(struct request *request, const void *input)
{
    static const char *const kinds[] = {
        [PERMISSION_ON_EXPERIMENT] = "experiment", [PERMISSION_ON_REGISTERED_MODEL] = "model",
        [PERMISSION_ON_SCORER] = "scorer",         [PERMISSION_ON_SECRET] = "secret",
        [PERMISSION_ON_ENDPOINT] = "endpoint",     [PERMISSION_ON_MODEL_DEFINITION] = "model-definition",
    };
    const struct user_in *in = input;
    const struct permission_row *rows;
    struct user user;
    size_t count;
    if (user_load(request_tx(request), in->username, &user) != OK ||
        permissions_of_user(request_tx(request), user.id, &rows, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "grants");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "kind", sv_from(kinds[rows[i].target.resource]));
        json_put_string_field(json, "id", rows[i].target.id);
        if (rows[i].target.resource == PERMISSION_ON_SCORER)
            json_put_string_field(json, "name", rows[i].target.name);
        json_put_string_field(json, "permission", sv_from(permission_name(rows[i].permission)));
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return OK;
}

const struct operation user_operations[] = {
    {
        .name = "createUser",
        .area = "auth",
        .method = METHOD_POST,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/create",
        .handler = create_user,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct user_in, create_fields),
    },
    {
        .name = "getUser",
        .area = "auth",
        .method = METHOD_GET,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/get",
        .handler = get_user,
        .access = ACCESS_READ,
        .users = true,
        .needs = NEEDS(USER, READ),
        .input = INPUT(struct user_in, name_fields),
    },
    {
        .name = "updateUserPassword",
        .area = "auth",
        .method = METHOD_PATCH,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/update-password",
        .handler = update_password,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(USER, MANAGE),
        .input = INPUT(struct user_in, password_fields),
    },
    {
        .name = "updateUserAdmin",
        .area = "auth",
        .method = METHOD_PATCH,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/update-admin",
        .handler = update_admin,
        .access = ACCESS_WRITE,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct user_in, admin_fields),
    },
    {
        .name = "deleteUser",
        .area = "auth",
        .method = METHOD_DELETE,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/delete",
        .handler = delete_user,
        .access = ACCESS_WRITE,
        .users = true,
        .query_or_body = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct user_in, name_fields),
    },
    {
        .name = "listUsers",
        .area = "auth",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/tracklight/users",
        .handler = list_users,
        .access = ACCESS_READ,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
    },
    {
        .name = "listGrants",
        .area = "auth",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/tracklight/users/grants",
        .handler = list_grants,
        .access = ACCESS_READ,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct user_in, name_fields),
    },
    {.path = NULL},
};
