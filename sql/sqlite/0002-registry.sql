-- Registered models, their versions, tags and aliases. Prompts are models with a tag.
-- Everything points at integer keys, so that a rename is one row. Times are milliseconds since 1970 UTC.

CREATE TABLE registered_models (
    id               INTEGER PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    last_version     INTEGER NOT NULL DEFAULT 0, -- the highest number ever given; numbers of deleted versions are not reused
    creation_time    INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    description      TEXT                        -- NULL: none
) STRICT;

CREATE INDEX registered_models_by_update ON registered_models (last_update_time, name);

-- Tags come back in the order in which they were first set, which is that of their ids.
CREATE TABLE registered_model_tags (
    id    INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registered_models (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (model, key)
) STRICT;

-- Values may be whole prompts: only short ones are worth an index entry. A search says the same condition, else SQLite
-- does not use the index.
CREATE INDEX registered_model_tags_by_value ON registered_model_tags (key, value, model) WHERE length(value) <= 256;

CREATE TABLE model_versions (
    id               INTEGER PRIMARY KEY,
    model            INTEGER NOT NULL REFERENCES registered_models (id) ON DELETE CASCADE,
    version          INTEGER NOT NULL CHECK (version > 0),
    stage            INTEGER NOT NULL DEFAULT 0 CHECK (stage BETWEEN 0 AND 3), -- None Staging Production Archived
    creation_time    INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    description      TEXT,                                                     -- NULL: taken away; '' where none was given
    source           TEXT NOT NULL,                                            -- as the client gave it
    location         TEXT NOT NULL,                                            -- where the artifacts are: the source, unless that names another model
    run_id           TEXT NOT NULL,                                            -- '' for none. No key of runs: those may be in another database, and go before the model
    run_link         TEXT NOT NULL,
    UNIQUE (model, version)
) STRICT;

-- The latest version of each stage is one probe.
CREATE INDEX model_versions_by_stage ON model_versions (model, stage, version);

-- The default listing: newest first.
CREATE INDEX model_versions_by_update ON model_versions (last_update_time, model, version);

-- The other orders that a search may ask for.
CREATE INDEX model_versions_by_creation ON model_versions (creation_time, model, version);
CREATE INDEX model_versions_by_number ON model_versions (version, model);

-- As with values of tags: only short ones.
CREATE INDEX model_versions_by_source ON model_versions (source) WHERE length(source) <= 256;

CREATE INDEX model_versions_by_run ON model_versions (run_id) WHERE run_id <> '';

CREATE TABLE model_version_tags (
    id      INTEGER PRIMARY KEY,
    version INTEGER NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    model   INTEGER NOT NULL, -- that of the version: whether a model has a version with a tag is one probe
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    UNIQUE (version, key)
) STRICT;

CREATE INDEX model_version_tags_by_value ON model_version_tags (key, value, model, version) WHERE length(value) <= 256;

CREATE TABLE model_aliases (
    model   INTEGER NOT NULL,
    alias   TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_versions (model, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Finds the aliases of a version: to show them, and when it is deleted.
CREATE INDEX model_aliases_by_version ON model_aliases (model, version, alias);
