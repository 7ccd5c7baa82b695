-- The gateway: encrypted secrets, model definitions that use them, endpoints that use these, and the record of calls.
-- Times are milliseconds since 1970 UTC. Public ids are a letter, a dash and 32 hex digits.

CREATE TABLE gateway_secrets (
    id               INTEGER PRIMARY KEY,
    secret_id        TEXT NOT NULL UNIQUE,  -- s-…
    name             TEXT NOT NULL UNIQUE,
    encrypted_value  BLOB NOT NULL,         -- common/security/envelope.h says how
    wrapped_dek      BLOB NOT NULL,
    kek_version      INTEGER NOT NULL CHECK (kek_version >= 0),
    masked_values    TEXT NOT NULL,         -- JSON: what of the values is shown
    provider         TEXT,
    auth_config      TEXT,                  -- JSON, not encrypted; NULL: none
    created_by       TEXT,
    creation_time    INTEGER NOT NULL,
    last_updated_by  TEXT,
    last_update_time INTEGER NOT NULL
) STRICT;

-- With another id or name the value could not be decrypted any more.
CREATE TRIGGER gateway_secrets_identity BEFORE UPDATE OF secret_id, name ON gateway_secrets
WHEN NEW.secret_id <> OLD.secret_id OR NEW.name <> OLD.name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and name are immutable (used as AAD in encryption)');
END;

CREATE TABLE gateway_model_definitions (
    id                  INTEGER PRIMARY KEY,
    model_definition_id TEXT NOT NULL UNIQUE, -- d-…
    name                TEXT NOT NULL UNIQUE,
    secret              INTEGER REFERENCES gateway_secrets (id) ON DELETE SET NULL,
    provider            TEXT NOT NULL,
    model_name          TEXT NOT NULL,        -- the provider's
    created_by          TEXT,
    creation_time       INTEGER NOT NULL,
    last_updated_by     TEXT,
    last_update_time    INTEGER NOT NULL
) STRICT;

CREATE INDEX gateway_model_definitions_of_secret ON gateway_model_definitions (secret);

CREATE TABLE gateway_endpoints (
    id                    INTEGER PRIMARY KEY,
    endpoint_id           TEXT NOT NULL UNIQUE, -- e-…
    name                  TEXT NOT NULL UNIQUE,
    routing_strategy      INTEGER CHECK (routing_strategy IN (1)),  -- REQUEST_BASED_TRAFFIC_SPLIT
    has_fallback          INTEGER NOT NULL CHECK (has_fallback IN (0, 1)), -- whether there is a configuration, even an empty one
    fallback_strategy     INTEGER CHECK (fallback_strategy IN (1)), -- SEQUENTIAL
    fallback_max_attempts INTEGER,
    created_by            TEXT,
    creation_time         INTEGER NOT NULL,
    last_updated_by       TEXT,
    last_update_time      INTEGER NOT NULL
) STRICT;

-- In the order of their ids: the first primary model is the one that is asked.
CREATE TABLE gateway_mappings (
    id             INTEGER PRIMARY KEY,
    mapping_id     TEXT NOT NULL UNIQUE, -- m-…
    endpoint       INTEGER NOT NULL REFERENCES gateway_endpoints (id) ON DELETE CASCADE,
    definition     INTEGER NOT NULL REFERENCES gateway_model_definitions (id),
    linkage        INTEGER NOT NULL CHECK (linkage IN (1, 2)), -- PRIMARY FALLBACK
    weight         REAL NOT NULL CHECK (weight >= 0),
    fallback_order INTEGER,
    created_by     TEXT,
    creation_time  INTEGER NOT NULL,
    UNIQUE (endpoint, definition, linkage)
) STRICT;

CREATE INDEX gateway_mappings_of_definition ON gateway_mappings (definition);

CREATE TABLE gateway_bindings (
    endpoint         INTEGER NOT NULL REFERENCES gateway_endpoints (id) ON DELETE CASCADE,
    resource_type    TEXT NOT NULL CHECK (resource_type IN ('scorer_job')),
    resource_id      TEXT NOT NULL,
    created_by       TEXT,
    creation_time    INTEGER NOT NULL,
    last_updated_by  TEXT,
    last_update_time INTEGER NOT NULL,
    PRIMARY KEY (endpoint, resource_type, resource_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_bindings_of_resource ON gateway_bindings (resource_type, resource_id);

CREATE TABLE gateway_tags (
    endpoint INTEGER NOT NULL REFERENCES gateway_endpoints (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (endpoint, key)
) STRICT, WITHOUT ROWID;

-- Grows with every change of what a call depends on, so that a process which keeps decrypted secrets notices with one look, whoever
-- made the change and by whatever way: hence the triggers.
CREATE TABLE gateway_changes (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    counter INTEGER NOT NULL
) STRICT;

INSERT INTO gateway_changes (id, counter) VALUES (1, 0);

CREATE TRIGGER gateway_secrets_inserted AFTER INSERT ON gateway_secrets BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_secrets_updated AFTER UPDATE ON gateway_secrets BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_secrets_deleted AFTER DELETE ON gateway_secrets BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_definitions_inserted AFTER INSERT ON gateway_model_definitions BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_definitions_updated AFTER UPDATE ON gateway_model_definitions BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_definitions_deleted AFTER DELETE ON gateway_model_definitions BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_endpoints_inserted AFTER INSERT ON gateway_endpoints BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_endpoints_updated AFTER UPDATE ON gateway_endpoints BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_endpoints_deleted AFTER DELETE ON gateway_endpoints BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_mappings_inserted AFTER INSERT ON gateway_mappings BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_mappings_updated AFTER UPDATE ON gateway_mappings BEGIN UPDATE gateway_changes SET counter = counter + 1; END;
CREATE TRIGGER gateway_mappings_deleted AFTER DELETE ON gateway_mappings BEGIN UPDATE gateway_changes SET counter = counter + 1; END;

-- One row for each call. It names its endpoint by text: the record outlives the endpoint.
CREATE TABLE gateway_usage (
    id             INTEGER PRIMARY KEY,
    time           INTEGER NOT NULL,
    endpoint_id    TEXT NOT NULL,
    endpoint_name  TEXT NOT NULL,
    provider       TEXT,     -- NULL: none was called
    model          TEXT,
    status         INTEGER NOT NULL,
    streamed       INTEGER NOT NULL CHECK (streamed IN (0, 1)),
    attempts       INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,
    first_token_ms INTEGER,  -- NULL: there was none; tokens, too, where the provider did not say
    input_tokens   INTEGER,
    output_tokens  INTEGER,
    cached_tokens  INTEGER
) STRICT;

CREATE INDEX gateway_usage_by_time ON gateway_usage (time);
CREATE INDEX gateway_usage_of_endpoint ON gateway_usage (endpoint_id, time);

-- The endpoint that a scorer asks. uses_gateway without an endpoint: it was deleted.
ALTER TABLE scorer_versions ADD COLUMN uses_gateway INTEGER NOT NULL DEFAULT 0 CHECK (uses_gateway IN (0, 1));
ALTER TABLE scorer_versions ADD COLUMN gateway_endpoint INTEGER REFERENCES gateway_endpoints (id) ON DELETE SET NULL;
CREATE INDEX scorer_versions_of_endpoint ON scorer_versions (gateway_endpoint) WHERE gateway_endpoint IS NOT NULL;
