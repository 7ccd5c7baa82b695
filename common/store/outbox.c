#include "common/store/outbox.h"

#include "common/base/id.h"
#include "common/store/list.h"
#include "common/store/webhook_event.h"

#define TIDY_ROWS 500

enum delivery_state { STATE_WAITING, STATE_DELIVERED, STATE_GIVEN_UP };

static enum status parse_event(struct store_tx *tx, struct sv entity, struct sv action,
                               struct webhook_event *event)
{
    if (webhook_entity_parse(entity, &event->entity) && webhook_action_parse(action, &event->action) &&
        webhook_event_exists(*event))
        return OK;
    return error_internal(tx->error, tx->arena, "there is no event %.*s.%.*s", SV_ARG(entity),
                          SV_ARG(action));
}

/* The active webhooks that want the event: int64_t each. */
static enum status find_subscribers(struct store_tx *tx, struct webhook_event event, struct row_list *list)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT w.id FROM webhook_events e JOIN webhooks w ON w.id = e.webhook "
                                    "WHERE e.entity = ? AND e.action = ? AND w.status = 1",
                                    db_int(event.entity), db_int(event.action));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(list, tx->arena, int64_t) = db_column_int(stmt, 0);
    return db_done(stmt);
}

enum status outbox_put(struct store_tx *tx, struct sv entity, struct sv action, struct sv payload_json)
{
    struct webhook_event event;
    struct row_list subscribers = {0};
    if (parse_event(tx, entity, action, &event) != OK || find_subscribers(tx, event, &subscribers) != OK)
        return FAILED;
    const int64_t *webhooks = subscribers.items;
    for (size_t i = 0; i < subscribers.count; i++) {
        if (db_exec(tx->db, NULL,
                    "INSERT INTO webhook_deliveries (delivery_id, webhook, entity, action, event_time, data, "
                    "due_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    db_text(id_new_uuid(tx->arena)), db_int(webhooks[i]), db_int(event.entity),
                    db_int(event.action), db_int(tx->now_ms), db_text(payload_json),
                    db_int(tx->now_ms)) != OK)
            return FAILED;
    }
    return OK;
}

enum status outbox_wants(struct store_tx *tx, struct sv entity, struct sv action, bool *wanted)
{
    struct webhook_event event;
    struct row_list subscribers = {0};
    if (parse_event(tx, entity, action, &event) != OK || find_subscribers(tx, event, &subscribers) != OK)
        return FAILED;
    *wanted = subscribers.count > 0;
    return OK;
}

/* Of each webhook that has not enough under way, its delivery that is due longest; of those the first. So a
 * webhook with a long queue stands in nobody's way. */
static enum status find_due(struct store_tx *tx, int64_t per_webhook, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.id = "
                 "(SELECT f.id FROM webhook_deliveries f WHERE f.webhook = w.id AND f.state = 0 "
                 "AND f.due_time <= ? ORDER BY f.due_time, f.id LIMIT 1) "
                 "WHERE (SELECT count(*) FROM webhook_deliveries l WHERE l.webhook = w.id "
                 "AND l.lease IS NOT NULL AND l.due_time > ?) < ? ORDER BY d.due_time, d.id LIMIT 1",
                 db_int(tx->now_ms), db_int(tx->now_ms), db_int(per_webhook));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

/* The usual answer, no, by one look at an index. */
static enum status any_is_due(struct store_tx *tx, bool *due)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT 1 FROM webhook_deliveries WHERE state = 0 AND due_time <= ? LIMIT 1",
                 db_int(tx->now_ms));
    if (!stmt)
        return FAILED;
    *due = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

enum status outbox_is_due(struct store_tx *tx, int64_t per_webhook, bool *due)
{
    int64_t id = 0;
    if (any_is_due(tx, due) != OK)
        return FAILED;
    if (*due && find_due(tx, per_webhook, &id) != OK)
        return FAILED;
    *due = id != 0;
    return OK;
}

static enum status load_delivery(struct store_tx *tx, int64_t id, struct outbox_delivery *delivery)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT d.lease, d.due_time, d.attempts, w.webhook_id, w.url, w.secret, d.delivery_id, "
                 "d.signed_time, d.entity, d.action, d.event_time, d.data "
                 "FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook WHERE d.id = ?",
                 db_int(id));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW) {
        *delivery = (struct outbox_delivery){
            .id = id,
            .lease = db_column_text_copy(stmt, 0),
            .lease_until_ms = db_column_int(stmt, 1),
            .attempt = db_column_int(stmt, 2),
            .webhook_id = db_column_text_copy(stmt, 3),
            .url = db_column_text_copy(stmt, 4),
            .secret = db_column_text_copy(stmt, 5),
            .delivery_id = db_column_text_copy(stmt, 6),
            .signed_time_s = db_column_int(stmt, 7),
            .entity = webhook_entity_name((enum webhook_entity)db_column_int(stmt, 8)),
            .action = webhook_action_name((enum webhook_action)db_column_int(stmt, 9)),
            .event_time_ms = db_column_int(stmt, 10),
            .data = db_column_text_copy(stmt, 11),
        };
    }
    return db_done(stmt);
}

enum status outbox_take(struct store_tx *tx, int64_t per_webhook, int64_t lease_ms,
                        struct outbox_delivery *delivery, bool *taken)
{
    int64_t id = 0;
    *taken = false;
    if (find_due(tx, per_webhook, &id) != OK)
        return FAILED;
    if (!id)
        return OK;
    if (db_exec(tx->db, NULL,
                "UPDATE webhook_deliveries SET lease = ?, due_time = ?, attempts = attempts + 1, "
                "signed_time = coalesce(signed_time, ?) WHERE id = ?",
                db_text(id_new(tx->arena)), db_int(tx->now_ms + lease_ms), db_int(tx->now_ms / 1000),
                db_int(id)) != OK ||
        load_delivery(tx, id, delivery) != OK)
        return FAILED;
    *taken = true;
    return OK;
}

enum status outbox_finish(struct store_tx *tx, const struct outbox_delivery *delivery,
                          const struct outbox_result *result)
{
    enum delivery_state state = result->delivered ? STATE_DELIVERED : STATE_GIVEN_UP;
    if (!result->delivered && result->again)
        state = STATE_WAITING;
    struct db_value finished = state == STATE_WAITING ? db_null() : db_int(tx->now_ms);
    struct db_value http_status = result->http_status ? db_int(result->http_status) : db_null();
    return db_exec(tx->db, NULL,
                   "UPDATE webhook_deliveries SET state = ?, lease = NULL, due_time = ?, http_status = ?, "
                   "problem = ?, finished_time = ? WHERE id = ? AND lease = ? AND state = 0",
                   db_int(state), db_int(tx->now_ms + result->delay_ms), http_status,
                   db_text(result->problem), finished, db_int(delivery->id), db_text(delivery->lease));
}

enum status outbox_tidy(struct store_tx *tx, int64_t expired_ms, int64_t forgotten_ms, bool *more)
{
    int64_t expired = 0, forgotten = 0;
    if (db_exec(tx->db, &expired,
                "UPDATE webhook_deliveries SET state = 2, lease = NULL, finished_time = ?, "
                "problem = coalesce(problem, 'It was not delivered in time.') WHERE id IN "
                "(SELECT id FROM webhook_deliveries WHERE state = 0 AND due_time <= ? AND event_time < ? "
                "LIMIT ?)",
                db_int(tx->now_ms), db_int(tx->now_ms), db_int(expired_ms), db_int(TIDY_ROWS)) != OK ||
        db_exec(tx->db, &forgotten,
                "DELETE FROM webhook_deliveries WHERE id IN "
                "(SELECT id FROM webhook_deliveries WHERE state <> 0 AND finished_time < ? LIMIT ?)",
                db_int(forgotten_ms), db_int(TIDY_ROWS)) != OK)
        return FAILED;
    *more = expired == TIDY_ROWS || forgotten == TIDY_ROWS;
    return OK;
}

static enum status load_last_problem(struct store_tx *tx, int64_t webhook, struct outbox_summary *row)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT problem, coalesce(finished_time, event_time) FROM webhook_deliveries "
                 "WHERE webhook = ? AND problem IS NOT NULL ORDER BY 2 DESC LIMIT 1",
                 db_int(webhook));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW) {
        row->last_problem = db_column_text_copy(stmt, 0);
        row->last_problem_ms = db_column_int(stmt, 1);
    }
    return db_done(stmt);
}

enum status outbox_summarize(struct store_tx *tx, const struct outbox_summary **rows, size_t *count)
{
    struct row_list list = {0}, ids = {0};
    struct db_stmt *stmt = db_query0(
        tx->db, "SELECT w.id, w.webhook_id, w.name, w.url, w.status, "
                "count(CASE WHEN d.state = 0 THEN 1 END), count(CASE WHEN d.state = 1 THEN 1 END), "
                "count(CASE WHEN d.state = 2 THEN 1 END), min(CASE WHEN d.state = 0 THEN d.event_time END) "
                "FROM webhooks w LEFT JOIN webhook_deliveries d ON d.webhook = w.id "
                "GROUP BY w.id, w.webhook_id, w.name, w.url, w.status ORDER BY w.id");
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        *ROW_LIST_ADD(&ids, tx->arena, int64_t) = db_column_int(stmt, 0);
        *ROW_LIST_ADD(&list, tx->arena, struct outbox_summary) = (struct outbox_summary){
            .webhook_id = db_column_text_copy(stmt, 1),
            .name = db_column_text_copy(stmt, 2),
            .url = db_column_text_copy(stmt, 3),
            .active = db_column_int(stmt, 4) == 1,
            .waiting = db_column_int(stmt, 5),
            .delivered = db_column_int(stmt, 6),
            .given_up = db_column_int(stmt, 7),
            .oldest_waiting_ms = db_column_int(stmt, 8),
        };
    }
    if (db_done(stmt) != OK)
        return FAILED;
    struct outbox_summary *summaries = list.items;
    for (size_t i = 0; i < list.count; i++) {
        if (load_last_problem(tx, ((const int64_t *)ids.items)[i], &summaries[i]) != OK)
            return FAILED;
    }
    *rows = summaries;
    *count = list.count;
    return OK;
}
