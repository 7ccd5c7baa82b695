-- Experiments, runs, and what is logged to runs.
-- Public ids (run_id) stand once, in their own table; everything else points at integer keys.
-- Times are milliseconds since 1970 UTC. lifecycle: 0 active, 1 deleted.

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY,  -- the public experiment_id too
    name              TEXT NOT NULL UNIQUE, -- unique among deleted ones as well
    artifact_location TEXT NOT NULL,
    lifecycle         INTEGER NOT NULL DEFAULT 0 CHECK (lifecycle IN (0, 1)),
    creation_time     INTEGER NOT NULL,
    last_update_time  INTEGER NOT NULL
) STRICT;

-- The default listing: newest first.
CREATE INDEX experiments_listing ON experiments (lifecycle, creation_time DESC, id);

CREATE TABLE experiment_tags (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX experiment_tags_by_value ON experiment_tags (key, value, experiment);

CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    run_id       TEXT NOT NULL UNIQUE, -- 32 hex digits
    experiment   INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    lifecycle    INTEGER NOT NULL DEFAULT 0 CHECK (lifecycle IN (0, 1)),
    status       INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5), -- RUNNING SCHEDULED FINISHED FAILED KILLED, numbered as in the API
    start_time   INTEGER NOT NULL,
    end_time     INTEGER,              -- NULL until set
    deleted_time INTEGER,              -- NULL unless deleted
    name         TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    artifact_uri TEXT NOT NULL
) STRICT;

-- The default listing of an experiment; ties are broken by the public id, as in the API.
CREATE INDEX runs_listing ON runs (experiment, lifecycle, start_time DESC, run_id);

-- Names of metrics, params and tags, once per experiment, so that indexes that lead with a name are scoped to it.
CREATE TABLE names (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    kind       INTEGER NOT NULL CHECK (kind IN (0, 1, 2)), -- metric, param, tag
    name       TEXT NOT NULL,
    UNIQUE (experiment, kind, name)
) STRICT;

-- A metric's whole history, in the order in which the API returns it: a page is one range scan.
-- Here and in latest_metrics, name is an id of names without a foreign key: no index leads with it, so deleting a name
-- would scan the whole table. Names go only with their experiment, whose runs and their metrics go too.
CREATE TABLE metrics (
    run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    value     REAL NOT NULL,    -- 0 where is_nan
    is_nan    INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (run, name, timestamp, step, value, is_nan)
) STRICT, WITHOUT ROWID;

-- The latest value of each metric of a run: greatest step, then timestamp, then value (NaN counts as 0).
CREATE TABLE latest_metrics (
    run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name      INTEGER NOT NULL,
    value     REAL,             -- NULL is NaN
    step      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    settled   INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)), -- 1 once the run has ended: only then is it worth an index entry
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

-- Searching and ordering by a metric. Runs that still run are left out and probed one by one: an index entry that moves
-- with every logged value would double the price of logging. `settled` stands in the index too, so that it covers: SQLite
-- would read the table for it otherwise, entry by entry.
CREATE INDEX latest_metrics_by_value ON latest_metrics (name, value, run, settled) WHERE settled = 1;

-- The runs that the index above leaves out.
CREATE INDEX runs_unsettled ON runs (experiment, id) WHERE status IN (1, 2);

CREATE TABLE params (
    run   INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL REFERENCES names (id),
    value TEXT NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX params_by_value ON params (name, value, run);

CREATE TABLE tags (
    run   INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL REFERENCES names (id),
    value TEXT NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_value ON tags (name, value, run);

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY,
    experiment  INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source      TEXT NOT NULL,
    schema      TEXT,
    profile     TEXT,
    UNIQUE (experiment, name, digest)
) STRICT;

-- A dataset that a run used.
CREATE TABLE dataset_inputs (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    UNIQUE (run, dataset)
) STRICT;

CREATE INDEX dataset_inputs_by_dataset ON dataset_inputs (dataset, run);

CREATE TABLE dataset_input_tags (
    input INTEGER NOT NULL REFERENCES dataset_inputs (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (input, key)
) STRICT, WITHOUT ROWID;

-- Logged models that a run read (0) or made (1). Model ids are not checked, as in the API.
CREATE TABLE run_models (
    run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
    model_id  TEXT NOT NULL,
    step      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, direction, model_id)
) STRICT, WITHOUT ROWID;
