-- Traces, their spans, assessments and links. A trace belongs to one experiment, that of its first arrival.
-- trace_id stands once; everything that goes with the trace points at its integer key.

CREATE TABLE traces (
    id                INTEGER PRIMARY KEY,
    trace_id          TEXT NOT NULL UNIQUE, -- "tr-" and 32 hex digits, or what a client chose
    experiment        INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    request_time      INTEGER NOT NULL,     -- milliseconds since 1970 UTC
    duration          INTEGER,              -- milliseconds; NULL while no end is known
    status            INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3), -- UNSPECIFIED OK ERROR IN_PROGRESS, numbered as in the API
    finalized         INTEGER NOT NULL DEFAULT 0 CHECK (finalized IN (0, 1)), -- 1 once a client has said how it went: spans that come later do not change that
    client_request_id TEXT,
    request_preview   TEXT,
    response_preview  TEXT
) STRICT;

-- The default listing of an experiment. It covers what else is often asked for, because previews make rows long.
CREATE INDEX traces_listing ON traces (experiment, request_time DESC, trace_id, status, duration);

-- Keys of tags and metadata and names of assessments, once per experiment, so that indexes that lead with a name are
-- scoped to it. They go only with the experiment, so no foreign key points here.
CREATE TABLE trace_names (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    kind       INTEGER NOT NULL CHECK (kind IN (0, 1, 2)), -- tag, metadata, assessment
    name       TEXT NOT NULL,
    UNIQUE (experiment, kind, name)
) STRICT;

CREATE TABLE trace_tags (
    trace INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace, name)
) STRICT, WITHOUT ROWID;

-- Only short values are worth an index entry. A search says the same condition, else SQLite does not use the index.
CREATE INDEX trace_tags_by_value ON trace_tags (name, value, trace) WHERE length(value) <= 256;

CREATE TABLE trace_metadata (
    trace INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    name  INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_metadata_by_value ON trace_metadata (name, value, trace) WHERE length(value) <= 256;

-- Numbers of a whole trace: input_tokens, output_tokens, total_tokens, input_cost, ...
CREATE TABLE trace_metrics (
    trace INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (trace, key)
) STRICT, WITHOUT ROWID;

-- What searches ask spans for: the different combinations that an experiment's spans have. A search for names, types or
-- states, with whatever comparator, looks through these few rows and then goes by their ids.
CREATE TABLE span_classes (
    id         INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name       TEXT NOT NULL, -- the first 500 code points
    type       TEXT NOT NULL, -- the first 500 code points; '' for none
    status     INTEGER NOT NULL CHECK (status IN (0, 1, 2)), -- UNSET OK ERROR, numbered as in OTLP
    UNIQUE (experiment, name, type, status)
) STRICT;

-- Short rows, clustered by trace; the long content is elsewhere.
CREATE TABLE spans (
    trace          INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    span_id        TEXT NOT NULL,    -- 16 hex digits
    parent_span_id TEXT,             -- NULL: a root
    class          INTEGER NOT NULL, -- of span_classes
    start_time     INTEGER NOT NULL, -- nanoseconds since 1970 UTC
    end_time       INTEGER,          -- NULL: still running
    content        INTEGER NOT NULL, -- of span_contents
    PRIMARY KEY (trace, span_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX spans_by_class ON spans (class, trace);

-- Spans as JSON. Ids only grow, and a span that is replaced gets a new one: an index that is filled later takes what has
-- come since the last id that it has seen, and an id never changes its meaning.
CREATE TABLE span_contents (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    trace   INTEGER NOT NULL, -- no foreign key: the trigger below deletes
    content TEXT NOT NULL
) STRICT;

CREATE TRIGGER spans_deleted AFTER DELETE ON spans
BEGIN
    DELETE FROM span_contents WHERE id = OLD.content;
END;

-- What a span used, for those that say so.
CREATE TABLE span_usage (
    trace                       INTEGER NOT NULL,
    span_id                     TEXT NOT NULL,
    input_tokens                REAL,
    output_tokens               REAL,
    total_tokens                REAL,
    cache_read_input_tokens     REAL,
    cache_creation_input_tokens REAL,
    input_cost                  REAL, -- US dollars
    output_cost                 REAL,
    total_cost                  REAL,
    model                       TEXT,
    provider                    TEXT,
    PRIMARY KEY (trace, span_id),
    FOREIGN KEY (trace, span_id) REFERENCES spans (trace, span_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE assessments (
    id               INTEGER PRIMARY KEY,
    assessment_id    TEXT NOT NULL UNIQUE, -- "a-" and 32 hex digits, or what a client chose
    trace            INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    name             INTEGER NOT NULL,     -- of trace_names
    kind             INTEGER NOT NULL CHECK (kind IN (0, 1, 2)), -- feedback, expectation, issue
    valid            INTEGER NOT NULL DEFAULT 1 CHECK (valid IN (0, 1)), -- 0 once another one overrides it
    create_time      INTEGER NOT NULL,     -- milliseconds since 1970 UTC
    last_update_time INTEGER NOT NULL,
    value            TEXT NOT NULL,        -- JSON; 'null' where there is only an error
    error            TEXT,                 -- JSON
    source_type      INTEGER NOT NULL CHECK (source_type BETWEEN 0 AND 3), -- UNSPECIFIED HUMAN LLM_JUDGE CODE
    source_id        TEXT,
    run_id           TEXT,                 -- not checked, as in the API
    span_id          TEXT,
    rationale        TEXT,
    overrides        TEXT,                 -- an assessment_id of the same trace
    metadata         TEXT                  -- JSON, an object of strings
) STRICT;

CREATE INDEX assessments_by_trace ON assessments (trace, create_time, id);

CREATE INDEX assessments_by_value ON assessments (name, kind, value, trace) WHERE length(value) <= 256;

-- Links hold public ids: clients link before the trace is there, and runs may be in another state or gone.
CREATE TABLE trace_run_links (
    run_id   TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    PRIMARY KEY (run_id, trace_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_run_links_by_trace ON trace_run_links (trace_id, run_id);

CREATE TABLE trace_prompt_links (
    prompt   TEXT NOT NULL, -- "name/version"
    trace_id TEXT NOT NULL,
    PRIMARY KEY (prompt, trace_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_prompt_links_by_trace ON trace_prompt_links (trace_id, prompt);
