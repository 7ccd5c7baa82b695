#include "common/store/webhooks.h"

#include "common/base/id.h"
#include "common/search/page_token.h"
#include "common/store/list.h"
#include "common/store/text.h"
#include "common/store/uri.h"
#include "common/store/validate.h"

#define NAME_MAX_BYTES  63
#define URL_MAX         2048
#define DESCRIPTION_MAX 5000

enum status webhook_key_path(struct arena *arena, struct error *error, struct sv store_uri, struct sv *path)
{
    struct sv database;
    if (store_uri_path(arena, error, store_uri, &database) != OK)
        return FAILED;
    *path = arena_printf(arena, "%.*s.webhook-key", SV_ARG(database));
    return OK;
}

/* --- Checks --- */

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static enum status check_name(struct store_tx *tx, struct sv name)
{
    bool good = name.len > 0 && name.len <= NAME_MAX_BYTES && is_alphanumeric(name.data[0]) &&
                is_alphanumeric(name.data[name.len - 1]);
    for (size_t i = 0; good && i < name.len; i++)
        good = is_alphanumeric(name.data[i]) || name.data[i] == '.' || name.data[i] == '_' ||
               name.data[i] == '-';
    if (good)
        return OK;
    struct sv shown = search_clip(name);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Webhook name '%.*s' is invalid. It must start and end with a letter or digit, be less "
                      "than 63 characters long, and contain only letters, digits, dots (.), underscores (_), "
                      "and hyphens (-).",
                      SV_ARG(shown));
}

enum status webhook_check_event(struct store_tx *tx, struct webhook_event event)
{
    if (webhook_event_exists(event))
        return OK;
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid action '%s' for entity '%s'. Valid actions are: %s",
                      webhook_action_name(event.action), webhook_entity_name(event.entity),
                      webhook_actions_text(event.entity));
}

static enum status check_change(struct store_tx *tx, const struct webhook_change *change)
{
    if (change->event_count > WEBHOOK_EVENTS_LISTED_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "A webhook can name at most %d events.",
                          WEBHOOK_EVENTS_LISTED_MAX);
    if ((change->name.data && check_name(tx, change->name) != OK) ||
        validate_length(tx, change->url, URL_MAX, NO_ITEM, "url") != OK ||
        validate_length(tx, change->description, DESCRIPTION_MAX, NO_ITEM, "description") != OK)
        return FAILED;
    for (size_t i = 0; i < change->event_count; i++) {
        if (webhook_check_event(tx, change->events[i]) != OK)
            return FAILED;
    }
    return OK;
}

/* --- Reading --- */

static enum status not_found(struct store_tx *tx, struct sv webhook_id)
{
    struct sv shown = search_clip(webhook_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Webhook with ID %.*s not found.", SV_ARG(shown));
}

static bool comes_before(struct webhook_event a, struct webhook_event b)
{
    int order = sv_compare(sv_from(webhook_entity_name(a.entity)), sv_from(webhook_entity_name(b.entity)));
    if (order == 0)
        order = sv_compare(sv_from(webhook_action_name(a.action)), sv_from(webhook_action_name(b.action)));
    return order < 0;
}

/* There are fourteen events at most. */
static void sort_events(struct webhook_event *events, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct webhook_event event = events[i];
        size_t at = i;
        for (; at > 0 && comes_before(event, events[at - 1]); at--)
            events[at] = events[at - 1];
        events[at] = event;
    }
}

static enum status load_events(struct store_tx *tx, struct webhook *webhook)
{
    struct row_list events = {0};
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT entity, action FROM webhook_events WHERE webhook = ?", db_int(webhook->id));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&events, tx->arena, struct webhook_event) = (struct webhook_event){
            (enum webhook_entity)db_column_int(stmt, 0), (enum webhook_action)db_column_int(stmt, 1)};
    sort_events(events.items, events.count);
    webhook->events = events.items;
    webhook->event_count = events.count;
    return db_done(stmt);
}

static void read_webhook(struct db_stmt *stmt, struct webhook *webhook)
{
    *webhook = (struct webhook){
        .id = db_column_int(stmt, 0),
        .webhook_id = db_column_text_copy(stmt, 1),
        .name = db_column_text_copy(stmt, 2),
        .description = db_column_text_copy(stmt, 3),
        .url = db_column_text_copy(stmt, 4),
        .secret = db_column_text_copy(stmt, 5),
        .status = (enum webhook_status)db_column_int(stmt, 6),
        .creation_time = db_column_int(stmt, 7),
        .last_update_time = db_column_int(stmt, 8),
    };
}

enum status webhook_load(struct store_tx *tx, struct sv webhook_id, struct webhook *webhook)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, webhook_id, name, description, url, secret, status, "
                                    "creation_time, last_update_time FROM webhooks WHERE webhook_id = ?",
                                    db_text(webhook_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        read_webhook(stmt, webhook);
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? load_events(tx, webhook) : not_found(tx, webhook_id);
}

/* --- Writing --- */

static enum status find(struct store_tx *tx, struct sv webhook_id, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM webhooks WHERE webhook_id = ?", db_text(webhook_id));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    return *id ? OK : not_found(tx, webhook_id);
}

static enum status put_events(struct store_tx *tx, int64_t id, const struct webhook_change *change)
{
    for (size_t i = 0; i < change->event_count; i++) {
        if (db_exec(tx->db, NULL,
                    "INSERT INTO webhook_events (entity, action, webhook) VALUES (?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    db_int(change->events[i].entity), db_int(change->events[i].action), db_int(id)) != OK)
            return FAILED;
    }
    return OK;
}

enum status webhook_create(struct store_tx *tx, const struct webhook_change *change, struct sv *webhook_id)
{
    if (!change->event_count)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Webhook events must be a non-empty list of WebhookEvent objects: [].");
    if (check_change(tx, change) != OK)
        return FAILED;
    *webhook_id = id_new_uuid(tx->arena);
    if (db_exec(tx->db, NULL,
                "INSERT INTO webhooks (webhook_id, name, description, url, status, secret, creation_time, "
                "last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(*webhook_id), db_text(change->name), db_text(change->description),
                db_text(change->url), db_int(change->status ? change->status : WEBHOOK_ACTIVE),
                db_text(change->secret), db_int(tx->now_ms), db_int(tx->now_ms)) != OK)
        return FAILED;
    return put_events(tx, db_last_insert_id(tx->db), change);
}

static enum status replace_events(struct store_tx *tx, int64_t id, const struct webhook_change *change)
{
    if (!change->event_count)
        return OK;
    if (db_exec(tx->db, NULL, "DELETE FROM webhook_events WHERE webhook = ?", db_int(id)) != OK)
        return FAILED;
    return put_events(tx, id, change);
}

/* What was queued before is old news by the time that the webhook is enabled again. */
static enum status give_up_waiting(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL,
                   "UPDATE webhook_deliveries SET state = 2, lease = NULL, finished_time = ?, "
                   "problem = 'The webhook was disabled.' WHERE webhook = ? AND state = 0",
                   db_int(tx->now_ms), db_int(id));
}

enum status webhook_update(struct store_tx *tx, struct sv webhook_id, const struct webhook_change *change)
{
    int64_t id;
    struct db_value status = change->status ? db_int(change->status) : db_null();
    if (find(tx, webhook_id, &id) != OK || check_change(tx, change) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "UPDATE webhooks SET name = coalesce(?, name), description = coalesce(?, description), "
                "url = coalesce(?, url), secret = coalesce(?, secret), status = coalesce(?, status), "
                "last_update_time = ? WHERE id = ?",
                db_text(change->name), db_text(change->description), db_text(change->url),
                db_text(change->secret), status, db_int(tx->now_ms), db_int(id)) != OK ||
        replace_events(tx, id, change) != OK)
        return FAILED;
    return change->status == WEBHOOK_DISABLED ? give_up_waiting(tx, id) : OK;
}

enum status webhook_delete(struct store_tx *tx, struct sv webhook_id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed, "DELETE FROM webhooks WHERE webhook_id = ?", db_text(webhook_id)) != OK)
        return FAILED;
    return changed ? OK : not_found(tx, webhook_id);
}

/* --- Listing --- */

static const enum sort_type order_types[] = {SORT_INT, SORT_INT};
#define ORDER_COUNT (sizeof(order_types) / sizeof(order_types[0]))

static struct db_stmt *query_page(struct store_tx *tx, int64_t limit, const struct page_token *token)
{
    int64_t before_time = token->after ? token->after[0].integer : INT64_MAX;
    int64_t before_id = token->after ? token->after[1].integer : INT64_MAX;
    return db_query(tx->db,
                    "SELECT id, webhook_id, name, description, url, secret, status, creation_time, "
                    "last_update_time FROM webhooks WHERE (creation_time, id) < (?, ?) "
                    "ORDER BY creation_time DESC, id DESC LIMIT ? OFFSET ?",
                    db_int(before_time), db_int(before_id), db_int(limit),
                    db_int(token->after ? 0 : token->offset));
}

static struct sv next_token(struct store_tx *tx, int64_t offset, uint64_t hash, const struct webhook *last)
{
    const struct sort_value after[ORDER_COUNT] = {
        {.type = SORT_INT, .integer = last->creation_time},
        {.type = SORT_INT, .integer = last->id},
    };
    return page_token_write(tx->arena, offset, hash, after, ORDER_COUNT);
}

enum status webhook_list(struct store_tx *tx, int64_t max_results, struct sv page_token,
                         struct webhook_page *page)
{
    struct page_token token;
    struct row_list list = {0};
    uint64_t hash = query_hash_add(0, SV("webhooks"));
    *page = (struct webhook_page){.next_page_token = SV_ABSENT};
    if (max_results == 0)
        max_results = WEBHOOK_RESULTS_DEFAULT;
    if (max_results < 1 || max_results > WEBHOOK_RESULTS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "max_results must be between 1 and %d.",
                          WEBHOOK_RESULTS_MAX);
    if (page_token_read(tx->arena, tx->error, page_token, hash, order_types, ORDER_COUNT, &token) != OK)
        return FAILED;
    struct db_stmt *stmt = query_page(tx, max_results + 1, &token);
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        read_webhook(stmt, ROW_LIST_ADD(&list, tx->arena, struct webhook));
    if (db_done(stmt) != OK)
        return FAILED;
    struct webhook *webhooks = list.items;
    page->count = list.count;
    if ((int64_t)list.count > max_results) {
        page->count = (size_t)max_results;
        page->next_page_token = next_token(tx, token.offset + max_results, hash, &webhooks[max_results - 1]);
    }
    for (size_t i = 0; i < page->count; i++) {
        if (load_events(tx, &webhooks[i]) != OK)
            return FAILED;
    }
    page->webhooks = webhooks;
    return OK;
}
