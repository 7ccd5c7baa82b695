-- Jobs: the queue, what the jobs print, who works. Times are milliseconds since 1970 UTC.

CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY,
    job_id           TEXT NOT NULL UNIQUE,    -- the public id, a UUID
    job_name         TEXT NOT NULL,
    params           TEXT NOT NULL,           -- a JSON object
    experiment_id    TEXT,                    -- of params; its rights decide about the job
    timeout          REAL,                    -- seconds, as submitted
    status           INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 5), -- PENDING RUNNING SUCCEEDED FAILED TIMEOUT CANCELED
    result           TEXT,                    -- of SUCCEEDED: JSON, else the error or NULL
    retry_count      INTEGER NOT NULL DEFAULT 0,
    creation_time    INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    status_details   TEXT,                    -- a JSON object
    progress         REAL,
    progress_message TEXT,
    due_time         INTEGER NOT NULL,        -- of a leased one: when the lease ends; of PENDING: not before
    lease            TEXT,                    -- what proves that a worker has it; of CANCELED: until it has ended the processes
    worker           TEXT,                    -- its name; of a job that does not run: who ran it last
    attempts         INTEGER NOT NULL DEFAULT 0, -- begun ones
    crashes          INTEGER NOT NULL DEFAULT 0, -- how often the worker was lost
    start_time       INTEGER,                 -- of the last attempt
    lock_key         TEXT,                    -- of leased ones that exclude others
    log_size         INTEGER NOT NULL DEFAULT 0, -- bytes that were ever appended
    CHECK (status <> 1 OR lease IS NOT NULL),
    CHECK (lease IS NULL OR status IN (1, 5)),
    CHECK (lock_key IS NULL OR lease IS NOT NULL)
) STRICT;

CREATE INDEX jobs_listing ON jobs (creation_time, id);
CREATE INDEX jobs_by_name ON jobs (job_name, status, creation_time, id);
CREATE INDEX jobs_by_experiment ON jobs (experiment_id, creation_time, id) WHERE experiment_id IS NOT NULL;
CREATE INDEX jobs_queue ON jobs (job_name, due_time, id) WHERE status = 0;
CREATE INDEX jobs_leases ON jobs (due_time) WHERE lease IS NOT NULL;
CREATE INDEX jobs_held ON jobs (job_name) WHERE lease IS NOT NULL;
CREATE INDEX jobs_of_worker ON jobs (worker) WHERE lease IS NOT NULL;
CREATE UNIQUE INDEX jobs_locks ON jobs (lock_key) WHERE lock_key IS NOT NULL;

-- What a job printed, in pieces; `begin` counts the bytes from the first one ever.
CREATE TABLE job_logs (
    job   INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    begin INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (job, begin)
) STRICT;

CREATE TABLE job_workers (
    worker     TEXT PRIMARY KEY, -- its name
    host       TEXT NOT NULL,
    remote     INTEGER NOT NULL CHECK (remote IN (0, 1)),
    start_time INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
