-- Who does what only one process may do at a time.

CREATE TABLE leases (
    name    TEXT NOT NULL,
    holder  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    ends_at TEXT NOT NULL,
    PRIMARY KEY (name)
) STRICT;
