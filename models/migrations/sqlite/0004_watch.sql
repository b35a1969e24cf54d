-- What managers were alerted to, and what the rules look at.

CREATE TABLE alerts (
    id      TEXT NOT NULL,
    told_at TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX alerts_told ON alerts (told_at);

CREATE INDEX operations_watch ON operations (consumed_at, store_id);
