-- What was reported to whom: a row is a summary that is on its way.

CREATE TABLE reports (
    user_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    begins     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (kind, begins, user_id)
) STRICT;
