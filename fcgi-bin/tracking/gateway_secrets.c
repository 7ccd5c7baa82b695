#include <openssl/crypto.h>
#include <stdatomic.h>
#include <string.h>

#include "common/base/log.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/security/envelope.h"
#include "common/store/gateway_secrets.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

/* Of a map of texts: entries, and bytes of all names and values. */
#define MAP_ENTRIES_MAX 32
#define MAP_BYTES_MAX   65536

/* --- The passphrase --- */

static struct envelope *envelope;
static int64_t kek_version;
static atomic_bool has_warned;

struct envelope *gateway_envelope(void)
{
    return envelope;
}

static void warn_once(void)
{
    if (envelope_uses_default(envelope) && !atomic_exchange(&has_warned, true))
        log_warning("%s", envelope_default_warning);
}

/* Who keeps no secrets is not warned of how they are kept. */
static enum status warn_of_default(struct service *service, struct arena *arena, struct error *error)
{
    struct gateway_secret_keys keys;
    struct store_tx *tx = store_begin(&service->store, DB_READ, arena, error);
    if (!tx)
        return FAILED;
    enum status status = gateway_secret_list_keys(tx, &keys);
    store_rollback(tx);
    if (status == OK && keys.count)
        warn_once();
    return status;
}

enum status gateway_open(struct service *service, struct arena *arena, struct error *error)
{
    kek_version = service->settings->crypto_kek_version;
    envelope = envelope_new(service->settings->crypto_kek_passphrase, arena, error);
    if (!envelope)
        return FAILED;
    if (!service->has_store || !envelope_uses_default(envelope) ||
        warn_of_default(service, arena, error) == OK)
        return OK;
    gateway_close();
    return FAILED;
}

void gateway_close(void)
{
    envelope_free(envelope);
    envelope = NULL;
}

/* --- Input --- */

static enum status fail_map(struct request *request, const char *name, const char *problem)
{
    return fail(request, INVALID_PARAMETER_VALUE, "Invalid value for parameter '%s' supplied: %s", name,
                problem);
}

/* A service account's key is a JSON document, and comes with its line breaks. It is never sent as a header.
 */
static bool may_have_lines(struct sv key)
{
    return sv_equal(key, SV("vertex_credentials"));
}

static bool has_control(struct sv text, bool lines_allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\0' || (!lines_allowed && (c == '\r' || c == '\n')))
            return true;
    }
    return false;
}

/* A map of texts. The messages never repeat a value. `bytes` are those of all names and values. */
static enum status check_map(struct request *request, struct json_object *map, const char *name,
                             size_t *bytes)
{
    size_t entries = 0;
    *bytes = 0;
    if (!json_object_is_type(map, json_type_object))
        return fail_map(request, name, "it must be an object whose values are strings.");
    struct json_object_iterator at = json_object_iter_begin(map), end = json_object_iter_end(map);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        struct sv key = sv_from(json_object_iter_peek_name(&at));
        struct json_object *value = json_object_iter_peek_value(&at);
        if (!json_object_is_type(value, json_type_string))
            return fail_map(request, name, "it must be an object whose values are strings.");
        struct sv text = json_string_view(value);
        if (!key.len || has_control(key, false))
            return fail_map(request, name, "a name is empty or has line breaks.");
        if (has_control(text, may_have_lines(key)))
            return fail_map(request, name, "a value has line breaks (CR, LF) or NUL characters.");
        *bytes += key.len + text.len;
        if (++entries > MAP_ENTRIES_MAX || *bytes > MAP_BYTES_MAX)
            return fail_map(request, name, "it is larger than 32 entries or 65536 bytes.");
    }
    return OK;
}

static bool is_empty_map(struct json_object *map)
{
    return !map || (json_object_is_type(map, json_type_object) && json_object_object_length(map) == 0);
}

/* What was received of a secret is not left lying about. */
static void wipe_input(struct request *request, struct json_object *map)
{
    struct json_object_iterator at = json_object_iter_begin(map), end = json_object_iter_end(map);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        struct sv text = json_string_view(json_object_iter_peek_value(&at));
        OPENSSL_cleanse((char *)text.data, text.len);
    }
    if (request->body_buffer.data)
        OPENSSL_cleanse(request->body_buffer.data, request->body_buffer.len);
}

typedef struct sv shown_text(struct arena *arena, struct sv text);

static struct sv whole(struct arena *arena, struct sv text)
{
    (void)arena;
    return text;
}

/* The map as JSON, with the texts as they are or masked. In memory of the arena that holds nothing else and
 * has not been moved, so that it can be wiped. */
static struct sv map_json(struct arena *arena, struct json_object *map, size_t bytes, shown_text *shown)
{
    struct buffer out;
    struct json_writer json;
    /* Six bytes for each byte at most (\u00XX), and quotes, colon and comma of each entry. */
    size_t most = 6 * bytes + 6 * MAP_ENTRIES_MAX + 64;
    buffer_init_in(&out, arena, most);
    (void)buffer_reserve(&out, most);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    struct json_object_iterator at = json_object_iter_begin(map), end = json_object_iter_end(map);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        json_key_sv(&json, sv_from(json_object_iter_peek_name(&at)));
        json_put_string(&json, shown(arena, json_string_view(json_object_iter_peek_value(&at))));
    }
    json_end_object(&json);
    return buffer_sv(&out);
}

/* Encrypts a checked map, and wipes what was received. */
static void seal(struct request *request, struct json_object *map, size_t bytes, struct sv secret_id,
                 struct sv name, struct gateway_secret_value *value)
{
    struct envelope_sealed sealed;
    /* The key is derived before there is a clear text in memory that an escape of the arena would leave
     * there. */
    envelope_prepare(envelope, kek_version);
    struct sv masked = map_json(request->arena, map, bytes + 7 * MAP_ENTRIES_MAX, envelope_mask);
    struct sv plain = map_json(request->arena, map, bytes, whole);
    envelope_seal(envelope, request->arena, kek_version, secret_id, name, plain, &sealed);
    OPENSSL_cleanse((char *)plain.data, plain.len);
    wipe_input(request, map);
    warn_once();
    *value = (struct gateway_secret_value){
        .encrypted_value = sealed.encrypted_value,
        .wrapped_dek = sealed.wrapped_dek,
        .kek_version = sealed.kek_version,
        .masked_values = masked,
    };
}

/* Absent if nothing was sent. */
static enum status take_auth_config(struct request *request, struct json_object *map, struct sv *text)
{
    size_t bytes;
    *text = SV_ABSENT;
    if (is_empty_map(map))
        return OK;
    if (check_map(request, map, "auth_config", &bytes) != OK)
        return FAILED;
    *text = json_dump(request->arena, map, false);
    return OK;
}

/* --- Output --- */

struct sv gateway_text(struct sv text)
{
    return text.len ? text : SV_ABSENT;
}

void put_gateway_audit(struct json_writer *json, const struct gateway_audit *audit)
{
    json_put_int_field(json, "created_at", audit->creation_time);
    json_put_int_field(json, "last_updated_at", audit->last_update_time);
    json_put_string_field_if_set(json, "created_by", audit->created_by);
    json_put_string_field_if_set(json, "last_updated_by", audit->last_updated_by);
}

static void put_secret(struct json_writer *json, const struct gateway_secret *secret)
{
    json_begin_object(json);
    json_put_string_field(json, "secret_id", secret->secret_id);
    json_put_string_field(json, "secret_name", secret->name);
    json_key(json, "masked_values");
    json_put_raw(json, secret->masked_values);
    put_gateway_audit(json, &secret->audit);
    json_put_string_field_if_set(json, "provider", secret->provider);
    if (secret->auth_config.data) {
        json_key(json, "auth_config");
        json_put_raw(json, secret->auth_config);
    }
    json_end_object(json);
}

static enum status reply_secret(struct request *request, const struct gateway_secret *secret)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "secret");
    put_secret(json, secret);
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv secret_name;
    struct json_object *secret_value;
    struct sv provider;
    struct json_object *auth_config;
    struct sv created_by;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, secret_name, STRING, .required = true),
    FIELD(struct create_in, secret_value, JSON),
    FIELD(struct create_in, provider, STRING),
    FIELD(struct create_in, auth_config, JSON),
    FIELD(struct create_in, created_by, STRING),
    FIELDS_END,
};

/* Encrypting may take a moment: no transaction is open meanwhile. */
static enum status create_secret(struct request *request, const void *input)
{
    const struct create_in *in = input;
    size_t bytes;
    struct gateway_secret made;
    struct gateway_secret_new secret = {
        .secret_id = gateway_new_id(request->arena, 's'),
        .name = in->secret_name,
        .provider = gateway_text(in->provider),
        .created_by = gateway_text(in->created_by),
    };
    if (is_empty_map(in->secret_value))
        return fail(request, INVALID_PARAMETER_VALUE, "Missing value for required parameter 'secret_value'.");
    if (gateway_secret_check_name(request->arena, &request->error, in->secret_name) != OK ||
        check_map(request, in->secret_value, "secret_value", &bytes) != OK ||
        take_auth_config(request, in->auth_config, &secret.auth_config) != OK)
        return FAILED;
    seal(request, in->secret_value, bytes, secret.secret_id, secret.name, &secret.value);
    if (request_begin(request, ACCESS_WRITE) != OK ||
        gateway_secret_create(request_tx(request), &secret) != OK ||
        gateway_secret_load(request_tx(request), secret.secret_id, &made) != OK ||
        permit_grant_creator(request, PERMISSION_ON_SECRET, secret.secret_id, SV_ABSENT) != OK ||
        request_commit(request) != OK)
        return FAILED;
    return reply_secret(request, &made);
}

/* --- update --- */

struct update_in {
    struct sv secret_id;
    struct json_object *secret_value;
    struct json_object *auth_config;
    struct sv updated_by;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, secret_id, STRING, .required = true),
    FIELD(struct update_in, secret_value, JSON),
    FIELD(struct update_in, auth_config, JSON),
    FIELD(struct update_in, updated_by, STRING),
    FIELDS_END,
};

/* Encrypts the new value under the secret's name, which cannot change. */
static enum status seal_update(struct request *request, const struct update_in *in, size_t bytes,
                               struct gateway_secret_value *value)
{
    struct gateway_secret secret;
    if (request_begin(request, ACCESS_READ) != OK ||
        gateway_secret_load(request_tx(request), in->secret_id, &secret) != OK ||
        request_commit(request) != OK)
        return FAILED;
    seal(request, in->secret_value, bytes, in->secret_id, secret.name, value);
    return OK;
}

static enum status update_secret(struct request *request, const void *input)
{
    const struct update_in *in = input;
    size_t bytes;
    struct sv auth_config;
    struct gateway_secret_value value;
    struct gateway_secret secret;
    bool has_value = !is_empty_map(in->secret_value);
    if ((has_value && check_map(request, in->secret_value, "secret_value", &bytes) != OK) ||
        take_auth_config(request, in->auth_config, &auth_config) != OK ||
        (has_value && seal_update(request, in, bytes, &value) != OK))
        return FAILED;
    if (request_begin(request, ACCESS_WRITE) != OK ||
        gateway_secret_update(request_tx(request), in->secret_id, has_value ? &value : NULL, auth_config,
                              gateway_text(in->updated_by)) != OK ||
        gateway_secret_load(request_tx(request), in->secret_id, &secret) != OK ||
        request_commit(request) != OK)
        return FAILED;
    return reply_secret(request, &secret);
}

/* --- get, delete, list --- */

struct id_in {
    struct sv secret_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, secret_id, STRING, .required = true),
    FIELDS_END,
};

static enum status get_secret(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct gateway_secret secret;
    if (gateway_secret_load(request_tx(request), in->secret_id, &secret) != OK)
        return FAILED;
    return reply_secret(request, &secret);
}

static enum status delete_secret(struct request *request, const void *input)
{
    const struct id_in *in = input;
    if (gateway_secret_delete(request_tx(request), in->secret_id) != OK ||
        permit_drop(request, PERMISSION_ON_SECRET, in->secret_id, SV_ABSENT) != OK)
        return FAILED;
    return reply_empty(request);
}

struct list_in {
    struct sv provider;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, provider, STRING),
    FIELDS_END,
};

static enum status list_secrets(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct gateway_secret_list list;
    const struct permission_filter *readable;
    if (permit_filter(request, PERMISSION_ON_SECRET, PERMISSION_READ, &readable) != OK ||
        gateway_secret_list(request_tx(request), gateway_text(in->provider), readable, &list) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (list.count) {
        json_key(json, "secrets");
        json_begin_array(json);
        for (size_t i = 0; i < list.count; i++)
            put_secret(json, &list.items[i]);
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

const struct operation gateway_secret_operations[] = {
    {
        .name = "createGatewaySecret",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/secrets/create",
        .handler = create_secret,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "getGatewaySecretInfo",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/secrets/get",
        .handler = get_secret,
        .access = ACCESS_READ,
        .needs = NEEDS(SECRET, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "updateGatewaySecret",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/secrets/update",
        .handler = update_secret,
        .access = ACCESS_NONE,
        .needs = NEEDS(SECRET, EDIT),
        .input = INPUT(struct update_in, update_fields),
    },
    {
        .name = "deleteGatewaySecret",
        .area = "gateway-management",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/secrets/delete",
        .handler = delete_secret,
        .access = ACCESS_WRITE,
        .needs = NEEDS(SECRET, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "listGatewaySecretInfos",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/secrets/list",
        .handler = list_secrets,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct list_in, list_fields),
    },
    {.path = NULL},
};
