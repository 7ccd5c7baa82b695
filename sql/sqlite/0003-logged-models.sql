-- Logged models, and what is logged to them. Names of their params, tags and metrics are interned as those of runs, in the
-- experiment of the model; no foreign key points at them, because they go only with the experiment.

CREATE TABLE logged_models (
    id               INTEGER PRIMARY KEY,
    model_id         TEXT NOT NULL UNIQUE, -- "m-" and 32 hex digits
    experiment       INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    lifecycle        INTEGER NOT NULL DEFAULT 0 CHECK (lifecycle IN (0, 1)),
    status           INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3), -- UNSPECIFIED PENDING READY UPLOAD_FAILED, numbered as in the API
    name             TEXT NOT NULL,        -- not unique
    model_type       TEXT NOT NULL,
    source_run_id    TEXT NOT NULL,        -- not checked, as in the API
    status_message   TEXT,
    artifact_uri     TEXT NOT NULL,
    creation_time    INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL      -- moves with the status and the lifecycle only
) STRICT;

-- The default listing of an experiment, walked backwards: newest first.
CREATE INDEX logged_models_listing ON logged_models (experiment, lifecycle, creation_time, id);

CREATE TABLE logged_model_params (
    model INTEGER NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

-- Values may be of any length: only short ones are worth an index entry. A search says the same condition, else SQLite
-- does not use the index.
CREATE INDEX logged_model_params_by_value ON logged_model_params (name, value, model) WHERE length(value) <= 256;

CREATE TABLE logged_model_tags (
    model INTEGER NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX logged_model_tags_by_value ON logged_model_tags (name, value, model) WHERE length(value) <= 256;

-- The datasets that metrics of an experiment's logged models name. They need not be inputs of any run.
CREATE TABLE logged_model_datasets (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    UNIQUE (experiment, name, digest)
) STRICT;

-- All metrics of a logged model, not only the latest.
CREATE TABLE logged_model_metrics (
    model     INTEGER NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    name      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    value     REAL,    -- NULL is NaN
    dataset   INTEGER, -- an id of logged_model_datasets; NULL: none
    PRIMARY KEY (model, name, timestamp, step, run)
) STRICT, WITHOUT ROWID;

-- For deleting a run.
CREATE INDEX logged_model_metrics_by_run ON logged_model_metrics (run);
