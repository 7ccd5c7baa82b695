#include <openssl/crypto.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/security/fernet.h"
#include "common/store/webhook_event.h"
#include "common/store/webhooks.h"

/* Webhooks (since MLflow 3.3). A secret is a Fernet token there and here: it is kept if the key is the same,
 * and else the webhook comes without it, and disabled: its receiver must not be sent what it cannot verify.
 */

static bool secret_is_readable(struct import *import, struct sv secret)
{
    struct sv plain =
        import->webhook_key ? fernet_decrypt(import->arena, import->webhook_key, secret) : SV_ABSENT;
    if (plain.data)
        OPENSSL_cleanse((char *)plain.data, plain.len);
    return plain.data != NULL;
}

static enum status put_events(struct import *import, struct store_tx *tx, struct sv webhook_id,
                              int64_t webhook)
{
    struct foreign_rows *rows =
        foreign_query(import->from, "SELECT * FROM webhook_events WHERE webhook_id = ? ORDER BY rowid",
                      webhook_id, SV_ABSENT, tx->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows)) {
        struct webhook_event event;
        struct sv entity = import_text(rows, "entity"), action = import_text(rows, "action");
        if (!webhook_entity_parse(entity, &event.entity) || !webhook_action_parse(action, &event.action) ||
            !webhook_event_exists(event)) {
            import_remark(import, "Webhook %.*s: there is no event %.*s.%.*s here.", SV_ARG(webhook_id),
                          SV_ARG(entity), SV_ARG(action));
            continue;
        }
        status = db_exec(tx->db, NULL,
                         "INSERT INTO webhook_events (entity, action, webhook) VALUES (?, ?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(event.entity), db_int(event.action), db_int(webhook));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status webhook_exists(struct store_tx *tx, struct sv webhook_id, bool *exists)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT 1 FROM webhooks WHERE webhook_id = ?", db_text(webhook_id));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_webhook(struct import *import, struct store_tx *tx, struct foreign_rows *rows,
                               struct sv webhook_id)
{
    struct sv secret = foreign_text(rows, "secret");
    bool active = sv_equal(foreign_text(rows, "status"), SV("ACTIVE"));
    int64_t created = foreign_int(rows, "creation_timestamp", 0);
    if (!secret.len)
        secret = SV_ABSENT;
    if (secret.data && !secret_is_readable(import, secret)) {
        import_remark(import,
                      "Webhook '%.*s' comes without its secret, and disabled: the secret is encrypted under "
                      "another key. Set it again, or give the old server's "
                      "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY to this one and import again.",
                      SV_ARG(import_text(rows, "name")));
        secret = SV_ABSENT;
        active = false;
    }
    if (db_exec(tx->db, NULL,
                "INSERT INTO webhooks (webhook_id, name, description, url, status, secret, creation_time, "
                "last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(webhook_id), db_text(import_text(rows, "name")),
                db_text(foreign_text(rows, "description")), db_text(import_text(rows, "url")),
                db_int(active ? WEBHOOK_ACTIVE : WEBHOOK_DISABLED), db_text(secret), db_int(created),
                db_int(foreign_int(rows, "last_updated_timestamp", created))) != OK)
        return FAILED;
    return put_events(import, tx, webhook_id, db_last_insert_id(tx->db));
}

static enum status take_webhook(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    bool exists;
    if (!tx)
        return FAILED;
    struct sv webhook_id = arena_copy(tx->arena, import_text(rows, "webhook_id"));
    if (webhook_exists(tx, webhook_id, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_webhook(import, tx, rows, webhook_id) != OK)
        return FAILED;
    import_taken(import, 4);
    return OK;
}

enum status import_webhooks(struct import *import)
{
    if (!foreign_has_table(import->from, "webhooks"))
        return OK;
    return import_rows(import, IMPORT_WEBHOOKS, import->registry, "SELECT count(*) AS total FROM webhooks",
                       "SELECT * FROM webhooks WHERE deleted_timestamp IS NULL ORDER BY rowid", take_webhook);
}
