#include "common/store/webhooks.h"

#include <openssl/crypto.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/security/key_file.h"
#include "common/webhooks/send.h"
#include "fcgi-bin/tracking/tracking.h"

#define TEST_TIMEOUT_MS   10000
#define TEST_ANSWER_BYTES 4096

static struct webhook_rules rules;

enum status webhooks_open(struct service *service, struct arena *arena, struct error *error)
{
    struct sv problem;
    if (webhook_rules_from(service->settings, arena, &rules, &problem))
        return OK;
    return error_set(error, arena, INVALID_PARAMETER_VALUE, "%.*s", SV_ARG(problem));
}

/* --- Secrets --- */

static enum status load_key(struct request *request, struct fernet_key *key)
{
    const struct settings *settings = request_service(request)->settings;
    struct sv uri =
        settings->registry_store_uri.len ? settings->registry_store_uri : settings->backend_store_uri;
    struct sv path;
    if (webhook_key_path(request->arena, &request->error, uri, &path) != OK)
        return FAILED;
    return key_file_load(settings->webhook_secret_encryption_key, path, request->arena, &request->error, key);
}

/* Absent stays absent. */
static enum status encrypt_secret(struct request *request, struct sv *secret)
{
    struct fernet_key key;
    if (!secret->len) {
        *secret = SV_ABSENT;
        return OK;
    }
    if (secret->len > WEBHOOK_SECRET_MAX)
        return fail(request, INVALID_PARAMETER_VALUE, "'secret' exceeds the maximum length of %d bytes",
                    WEBHOOK_SECRET_MAX);
    if (load_key(request, &key) != OK)
        return FAILED;
    *secret = fernet_encrypt(request->arena, &key, *secret);
    OPENSSL_cleanse(&key, sizeof(key));
    return OK;
}

static enum status decrypt_secret(struct request *request, struct sv *secret)
{
    struct fernet_key key;
    if (!secret->data)
        return OK;
    if (load_key(request, &key) != OK)
        return FAILED;
    *secret = fernet_decrypt(request->arena, &key, *secret);
    OPENSSL_cleanse(&key, sizeof(key));
    return OK;
}

/* --- Input and output --- */

static const struct enum_name entity_names[] = {
    {"REGISTERED_MODEL", WEBHOOK_REGISTERED_MODEL},
    {"MODEL_VERSION", WEBHOOK_MODEL_VERSION},
    {"MODEL_VERSION_TAG", WEBHOOK_MODEL_VERSION_TAG},
    {"MODEL_VERSION_ALIAS", WEBHOOK_MODEL_VERSION_ALIAS},
    {"PROMPT", WEBHOOK_PROMPT},
    {"PROMPT_VERSION", WEBHOOK_PROMPT_VERSION},
    {"PROMPT_TAG", WEBHOOK_PROMPT_TAG},
    {"PROMPT_VERSION_TAG", WEBHOOK_PROMPT_VERSION_TAG},
    {"PROMPT_ALIAS", WEBHOOK_PROMPT_ALIAS},
    {NULL, 0},
};

static const struct enum_name action_names[] = {
    {"CREATED", WEBHOOK_CREATED},
    {"UPDATED", WEBHOOK_UPDATED},
    {"DELETED", WEBHOOK_DELETED},
    {"SET", WEBHOOK_SET},
    {NULL, 0},
};

static const struct enum_name status_names[] = {
    {"ACTIVE", WEBHOOK_ACTIVE},
    {"DISABLED", WEBHOOK_DISABLED},
    {NULL, 0},
};

static struct sv name_of(const struct enum_name *names, int64_t value)
{
    while (names->name && names->value != value)
        names++;
    return sv_from(names->name);
}

struct event_in {
    struct opt_int64 entity;
    struct opt_int64 action;
};

static const struct field event_fields[] = {
    FIELD(struct event_in, entity, ENUM, .required = true, .enums = entity_names),
    FIELD(struct event_in, action, ENUM, .required = true, .enums = action_names),
    FIELDS_END,
};

static struct webhook_event event_of(const struct event_in *in)
{
    return (struct webhook_event){(enum webhook_entity)in->entity.value,
                                  (enum webhook_action)in->action.value};
}

static void put_webhook(struct json_writer *json, const struct webhook *webhook)
{
    json_begin_object(json);
    json_put_string_field(json, "webhook_id", webhook->webhook_id);
    json_put_string_field(json, "name", webhook->name);
    if (webhook->description.len)
        json_put_string_field(json, "description", webhook->description);
    json_put_string_field(json, "url", webhook->url);
    json_key(json, "events");
    json_begin_array(json);
    for (size_t i = 0; i < webhook->event_count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "entity", name_of(entity_names, webhook->events[i].entity));
        json_put_string_field(json, "action", name_of(action_names, webhook->events[i].action));
        json_end_object(json);
    }
    json_end_array(json);
    json_put_string_field(json, "status", name_of(status_names, webhook->status));
    json_put_int_field(json, "creation_timestamp", webhook->creation_time);
    json_put_int_field(json, "last_updated_timestamp", webhook->last_update_time);
    json_end_object(json);
}

static enum status reply_webhook(struct request *request, struct sv webhook_id)
{
    struct webhook webhook;
    if (webhook_load(request_tx(request), webhook_id, &webhook) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "webhook");
    put_webhook(json, &webhook);
    json_end_object(json);
    return OK;
}

/* --- create, update --- */

struct change_in {
    struct sv webhook_id;
    struct sv name;
    struct sv description;
    struct sv url;
    struct list events;
    struct sv secret;
    struct opt_int64 status;
};

static const struct field create_fields[] = {
    FIELD(struct change_in, name, STRING, .required = true),
    FIELD(struct change_in, url, STRING, .required = true),
    FIELD(struct change_in, events, OBJECTS, .required = true, .fields = event_fields,
          .size = sizeof(struct event_in)),
    FIELD(struct change_in, description, STRING),
    FIELD(struct change_in, secret, STRING),
    FIELD(struct change_in, status, ENUM, .enums = status_names),
    FIELDS_END,
};

static const struct field update_fields[] = {
    FIELD(struct change_in, webhook_id, STRING, .required = true, .in_path = true),
    FIELD(struct change_in, name, STRING),
    FIELD(struct change_in, description, STRING),
    FIELD(struct change_in, url, STRING),
    FIELD(struct change_in, events, OBJECTS, .fields = event_fields, .size = sizeof(struct event_in)),
    FIELD(struct change_in, secret, STRING),
    FIELD(struct change_in, status, ENUM, .enums = status_names),
    FIELDS_END,
};

static struct sv absent_if_empty(struct sv text)
{
    return text.len ? text : SV_ABSENT;
}

/* The empty string means "not sent". */
static enum status take_change(struct request *request, const struct change_in *in,
                               struct webhook_change *change)
{
    const struct event_in *items = in->events.items;
    struct webhook_event *events = ARENA_ARRAY(request->arena, struct webhook_event, in->events.count);
    for (size_t i = 0; i < in->events.count; i++)
        events[i] = event_of(&items[i]);
    *change = (struct webhook_change){
        .name = absent_if_empty(in->name),
        .description = absent_if_empty(in->description),
        .url = absent_if_empty(in->url),
        .secret = in->secret,
        .status = in->status.set ? in->status.value : 0,
        .events = events,
        .event_count = in->events.count,
    };
    if (change->url.data && webhook_check_url(&rules, request->arena, &request->error, change->url) != OK)
        return FAILED;
    return encrypt_secret(request, &change->secret);
}

static enum status create_webhook(struct request *request, const void *input)
{
    struct webhook_change change;
    struct sv webhook_id;
    if (take_change(request, input, &change) != OK ||
        webhook_create(request_tx(request), &change, &webhook_id) != OK)
        return FAILED;
    return reply_webhook(request, webhook_id);
}

static enum status update_webhook(struct request *request, const void *input)
{
    const struct change_in *in = input;
    struct webhook_change change;
    if (take_change(request, in, &change) != OK ||
        webhook_update(request_tx(request), in->webhook_id, &change) != OK)
        return FAILED;
    return reply_webhook(request, in->webhook_id);
}

/* --- get, delete --- */

struct id_in {
    struct sv webhook_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, webhook_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status get_webhook(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return reply_webhook(request, in->webhook_id);
}

static enum status delete_webhook(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return webhook_delete(request_tx(request), in->webhook_id) == OK ? reply_empty(request) : FAILED;
}

/* --- list --- */

struct list_in {
    struct opt_int64 max_results;
    struct sv page_token;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, max_results, INT64),
    FIELD(struct list_in, page_token, STRING),
    FIELDS_END,
};

static enum status list_webhooks(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct webhook_page page;
    if (webhook_list(request_tx(request), in->max_results.value, in->page_token, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (page.count) {
        json_key(json, "webhooks");
        json_begin_array(json);
        for (size_t i = 0; i < page.count; i++)
            put_webhook(json, &page.webhooks[i]);
        json_end_array(json);
    }
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

/* --- test --- */

struct test_in {
    struct sv webhook_id;
    struct opt_object event; /* struct event_in */
};

static const struct field test_fields[] = {
    FIELD(struct test_in, webhook_id, STRING, .required = true, .in_path = true),
    FIELD(struct test_in, event, OBJECT, .fields = event_fields, .size = sizeof(struct event_in)),
    FIELDS_END,
};

/* The webhook, and the event to be sent, from a transaction that ends here. */
static enum status prepare_test(struct request *request, const struct test_in *in, struct webhook *webhook,
                                struct webhook_event *event)
{
    if (request_begin(request, ACCESS_READ) != OK ||
        webhook_load(request_tx(request), in->webhook_id, webhook) != OK)
        return FAILED;
    *event = in->event.value ? event_of(in->event.value) : webhook->events[0];
    if (webhook_check_event(request_tx(request), *event) != OK)
        return FAILED;
    return request_commit(request);
}

static void send_test(struct request *request, const struct webhook *webhook, struct webhook_event event,
                      struct webhook_answer *answer)
{
    const char *entity = webhook_entity_name(event.entity), *action = webhook_action_name(event.action);
    struct arena *arena = request->arena;
    const struct webhook_message message = {
        .entity = entity,
        .action = action,
        .event_time_ms = clock_now_ms(),
        .data = webhook_sample(sv_from(entity), sv_from(action)),
    };
    const struct webhook_call call = {
        .url = webhook->url,
        .secret = webhook->secret,
        .delivery_id = id_new_uuid(arena),
        .time_s = message.event_time_ms / 1000,
        .body = webhook_body(arena, &message),
        .timeout_ms = rules.timeout_ms < TEST_TIMEOUT_MS ? rules.timeout_ms : TEST_TIMEOUT_MS,
        .answer_max = TEST_ANSWER_BYTES,
    };
    webhook_send(&rules, arena, &call, answer);
}

static enum status reply_test(struct request *request, const struct webhook_answer *answer)
{
    bool answered = answer->outcome == WEBHOOK_ANSWERED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "result");
    json_begin_object(json);
    json_put_bool_field(json, "success", answered && answer->status < 400);
    if (answered) {
        json_put_int_field(json, "response_status", answer->status);
        json_put_string_field(json, "response_body", answer->body);
    } else {
        struct sv text =
            arena_printf(request->arena, "Failed to test webhook: %.*s", SV_ARG(answer->problem));
        json_put_string_field(json, "error_message", text);
    }
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* Made at once and once only, without a transaction while the receiver has its time. */
static enum status test_webhook(struct request *request, const void *input)
{
    struct webhook webhook;
    struct webhook_event event;
    struct webhook_answer answer = {.outcome = WEBHOOK_REFUSED};
    if (prepare_test(request, input, &webhook, &event) != OK)
        return FAILED;
    bool is_signed = webhook.secret.data != NULL;
    if (decrypt_secret(request, &webhook.secret) != OK)
        return FAILED;
    if (is_signed && !webhook.secret.data)
        answer.problem =
            SV("the secret cannot be decrypted: the key has changed since it was set. Set it again.");
    else
        send_test(request, &webhook, event, &answer);
    if (webhook.secret.data)
        OPENSSL_cleanse((char *)webhook.secret.data, webhook.secret.len);
    return reply_test(request, &answer);
}

const struct operation webhook_operations[] = {
    {
        .name = "createWebhook",
        .area = "webhooks",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks",
        .handler = create_webhook,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct change_in, create_fields),
    },
    {
        .name = "listWebhooks",
        .area = "webhooks",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks",
        .handler = list_webhooks,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct list_in, list_fields),
    },
    {
        .name = "getWebhook",
        .area = "webhooks",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks/{webhook_id}",
        .handler = get_webhook,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "updateWebhook",
        .area = "webhooks",
        .method = METHOD_PATCH,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks/{webhook_id}",
        .handler = update_webhook,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct change_in, update_fields),
    },
    {
        .name = "deleteWebhook",
        .area = "webhooks",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks/{webhook_id}",
        .handler = delete_webhook,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "testWebhook",
        .area = "webhooks",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/webhooks/{webhook_id}/test",
        .handler = test_webhook,
        .access = ACCESS_NONE,
        .registry = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .input = INPUT(struct test_in, test_fields),
    },
    {.path = NULL},
};
