-- Evaluation datasets and their records; scorers.
-- Times are milliseconds since 1970 UTC.

CREATE TABLE evaluation_datasets (
    id               INTEGER PRIMARY KEY,
    dataset_id       TEXT NOT NULL UNIQUE,       -- d- and 32 hex digits
    name             TEXT NOT NULL,              -- not unique
    schema           TEXT,                       -- JSON: names and types of inputs, outputs, expectations; NULL before the first record
    record_count     INTEGER NOT NULL DEFAULT 0,
    digest           TEXT NOT NULL,              -- of the name and the time of the last change of its records
    created_time     INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by       TEXT,
    last_updated_by  TEXT
) STRICT;

-- The default listing: newest first.
CREATE INDEX evaluation_datasets_listing ON evaluation_datasets (created_time DESC, dataset_id DESC);

CREATE INDEX evaluation_datasets_by_name ON evaluation_datasets (name);

CREATE TABLE evaluation_dataset_tags (
    dataset INTEGER NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (dataset, key)
) STRICT, WITHOUT ROWID;

-- The experiments that a dataset is for. No key of experiments: the API takes ids that there are none of.
CREATE TABLE evaluation_dataset_experiments (
    dataset    INTEGER NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    experiment INTEGER NOT NULL,
    PRIMARY KEY (dataset, experiment)
) STRICT, WITHOUT ROWID;

CREATE INDEX evaluation_dataset_experiments_by_experiment ON evaluation_dataset_experiments (experiment, dataset);

-- JSON stands as the API writes it, so that a listing only puts texts together.
CREATE TABLE evaluation_records (
    id               INTEGER PRIMARY KEY,
    record_id        TEXT NOT NULL UNIQUE, -- dr- and 32 hex digits
    dataset          INTEGER NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    input_hash       TEXT NOT NULL,        -- SHA-256 of the inputs with sorted names: of equal ones there is one record
    inputs           TEXT NOT NULL,        -- a JSON object
    outputs          TEXT,                 -- any JSON; NULL for null
    expectations     TEXT,                 -- a JSON object
    tags             TEXT NOT NULL,        -- a JSON object
    source           TEXT,                 -- a JSON object
    source_id        TEXT,
    source_type      TEXT CHECK (source_type IN ('UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE')),
    created_time     INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by       TEXT,
    last_updated_by  TEXT,
    UNIQUE (dataset, input_hash)
) STRICT;

-- The order of the listing: a page is one range scan.
CREATE INDEX evaluation_records_listing ON evaluation_records (dataset, created_time, record_id);

-- A scorer stays, with its id, when its versions are deleted one by one.
CREATE TABLE scorers (
    id         INTEGER PRIMARY KEY,
    scorer_id  TEXT NOT NULL UNIQUE, -- a UUID with dashes
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    UNIQUE (experiment, name)
) STRICT;

CREATE TABLE scorer_versions (
    scorer        INTEGER NOT NULL REFERENCES scorers (id) ON DELETE CASCADE,
    version       INTEGER NOT NULL CHECK (version > 0),
    serialized    TEXT NOT NULL, -- the JSON as it came
    listed        TEXT,          -- the same as listings show it; NULL: no different
    creation_time INTEGER NOT NULL,
    PRIMARY KEY (scorer, version)
) STRICT;

-- How much of the traces that come in a scorer is to judge.
CREATE TABLE online_scoring_configs (
    config_id   TEXT NOT NULL UNIQUE, -- 32 hex digits
    scorer      INTEGER PRIMARY KEY REFERENCES scorers (id) ON DELETE CASCADE,
    sample_rate REAL NOT NULL CHECK (sample_rate BETWEEN 0 AND 1),
    filter      TEXT                  -- of traces; NULL: all
) STRICT;
