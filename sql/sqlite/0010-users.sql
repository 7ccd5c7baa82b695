-- Users, what they may do, and how they prove who they are. They may lie in a database of their own, so nothing here refers to
-- other tables, and nothing there to these. Times are milliseconds since 1970 UTC.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: cookies and caches name users by it
    username      TEXT NOT NULL UNIQUE,
    password_hash TEXT,                  -- scrypt:N:r:p$salt$hex or pbkdf2:sha256:N$salt$hex; NULL: no password lets this user in
    is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    generation    INTEGER NOT NULL DEFAULT 1, -- sessions and verified passwords of earlier generations are void
    creation_time INTEGER NOT NULL
) STRICT;

-- resource: 1 experiment, 2 registered model, 3 scorer, 4 gateway secret, 5 gateway endpoint, 6 gateway model definition.
-- permission: 0 NO_PERMISSIONS, 1 READ, 2 USE, 3 EDIT, 4 MANAGE. What a row names need not exist.
CREATE TABLE permissions (
    user        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    resource    INTEGER NOT NULL CHECK (resource BETWEEN 1 AND 6),
    resource_id TEXT NOT NULL,            -- of a scorer: its experiment's
    name        TEXT NOT NULL DEFAULT '', -- a scorer's; of all others empty
    permission  INTEGER NOT NULL CHECK (permission BETWEEN 0 AND 4),
    PRIMARY KEY (user, resource, resource_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX permissions_of_resource ON permissions (resource, resource_id, name);

CREATE TABLE tokens (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user           INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash           TEXT NOT NULL UNIQUE,  -- SHA-256 in hex
    label          TEXT NOT NULL,         -- what the token is for, in its owner's words
    scope          INTEGER NOT NULL CHECK (scope IN (1, 2, 3)), -- read, write, all
    programs       TEXT NOT NULL,         -- comma-separated names of programs; empty: every program
    creation_time  INTEGER NOT NULL,
    expiry_time    INTEGER,               -- NULL: never
    revoked_time   INTEGER,               -- NULL: it is valid
    last_used_time INTEGER                -- brought up to date now and then; NULL: never used
) STRICT;

CREATE INDEX tokens_of_user ON tokens (user, id);

-- Failed logins of late, by what must wait: a user from an address, or an address. Names come from outside, so the key is a digest.
CREATE TABLE login_failures (
    key       TEXT PRIMARY KEY,  -- SHA-256 in hex
    failures  INTEGER NOT NULL,
    last_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failures_by_time ON login_failures (last_time);
