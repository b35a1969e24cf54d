-- Files that people are given, in pieces that any max_allowed_packet takes, and
-- the exports that make them.

CREATE TABLE files (
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    size       INTEGER NOT NULL,
    complete   INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX files_expires ON files (expires_at);

CREATE TABLE file_pieces (
    file_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (file_id, seq)
) STRICT;

CREATE TABLE exports (
    id           TEXT NOT NULL,
    inbox_id     TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    running_user TEXT,
    state        TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    due_at       TEXT,
    file_id      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    finished_at  TEXT,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX exports_message ON exports (inbox_id);
CREATE UNIQUE INDEX exports_running ON exports (running_user);
CREATE INDEX exports_due ON exports (due_at);
CREATE INDEX exports_created ON exports (created_at);
