-- Webhooks: who wants to hear of which events, and the deliveries that are to be made, or were made lately.
-- Times are milliseconds since 1970 UTC. entity and action are numbered as in the API: entity 1 registered_model, 2 model_version,
-- 3 model_version_tag, 4 model_version_alias, 5 prompt, 6 prompt_version, 7 prompt_tag, 8 prompt_version_tag, 9 prompt_alias;
-- action 1 created, 2 updated, 3 deleted, 4 set.

CREATE TABLE webhooks (
    id               INTEGER PRIMARY KEY,
    webhook_id       TEXT NOT NULL UNIQUE,  -- the public id, a UUID
    name             TEXT NOT NULL,         -- not unique
    description      TEXT,
    url              TEXT NOT NULL,
    status           INTEGER NOT NULL CHECK (status IN (1, 2)), -- ACTIVE DISABLED
    secret           TEXT,                  -- encrypted (a Fernet token); NULL: deliveries are not signed
    creation_time    INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
) STRICT;

-- The listing, newest first.
CREATE INDEX webhooks_listing ON webhooks (creation_time DESC, id DESC);

-- Clustered by event, so that an event without subscribers costs one look at an empty range.
CREATE TABLE webhook_events (
    entity  INTEGER NOT NULL CHECK (entity BETWEEN 1 AND 9),
    action  INTEGER NOT NULL CHECK (action BETWEEN 1 AND 4),
    webhook INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    PRIMARY KEY (entity, action, webhook)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_events_of_webhook ON webhook_events (webhook, entity, action);

-- The outbox: one row for each event and subscriber, written in the transaction that causes the event.
CREATE TABLE webhook_deliveries (
    id            INTEGER PRIMARY KEY,
    delivery_id   TEXT NOT NULL UNIQUE,  -- X-MLflow-Delivery-Id: the same for every attempt
    webhook       INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    entity        INTEGER NOT NULL,
    action        INTEGER NOT NULL,
    event_time    INTEGER NOT NULL,
    data          TEXT NOT NULL,         -- what the event says about its entity: JSON
    state         INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)), -- waiting, delivered, given up
    attempts      INTEGER NOT NULL DEFAULT 0, -- begun ones
    signed_time   INTEGER,               -- seconds: X-MLflow-Timestamp, from the first attempt on
    due_time      INTEGER NOT NULL,      -- not to be tried before; of a leased one: when the lease ends
    lease         TEXT,                  -- of the worker that is at it; NULL: nobody is
    http_status   INTEGER,               -- of the last attempt; NULL: there was no answer
    problem       TEXT,                  -- of the last attempt; NULL: there was none
    finished_time INTEGER                -- when it left the state waiting
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_time) WHERE state = 0;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook, state, due_time, id);
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (webhook, due_time) WHERE lease IS NOT NULL;
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_time) WHERE state <> 0;
