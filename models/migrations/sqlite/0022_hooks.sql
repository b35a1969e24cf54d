-- Other systems are told of what has happened. An event is written with what it tells,
-- and a delivery for each hook that wants it; hooks are those of config.yaml, and how
-- they do.

CREATE TABLE hooks (
    name          TEXT    NOT NULL,
    host          TEXT    NOT NULL,
    kinds         TEXT    NOT NULL, -- of event, that it is sent
    address       TEXT    NOT NULL, -- fingerprint of its URL
    active        INTEGER NOT NULL, -- config.yaml has it
    failures      INTEGER NOT NULL, -- since the last success
    failing_since TEXT,
    next_at       TEXT,             -- no try before
    told_at       TEXT,             -- managers know
    gone_at       TEXT,             -- it said that it is gone
    reason        TEXT    NOT NULL, -- of the last failure
    status        INTEGER NOT NULL,
    PRIMARY KEY (name)
) STRICT;

CREATE TABLE hook_events (
    id         TEXT    NOT NULL,
    event_key  TEXT    NOT NULL, -- what it tells, once
    subject    TEXT    NOT NULL, -- events about one have an order
    seq        INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    store_id   INTEGER NOT NULL,
    day        TEXT    NOT NULL, -- of a day that was closed
    payload    BLOB    NOT NULL,
    created_at TEXT    NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX hook_events_key ON hook_events (event_key);

CREATE UNIQUE INDEX hook_events_subject ON hook_events (subject, seq);

CREATE INDEX hook_events_created ON hook_events (created_at);

CREATE INDEX hook_events_day ON hook_events (kind, day, store_id);

CREATE TABLE hook_deliveries (
    hook       TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    state      TEXT    NOT NULL, -- queued | sent | failed
    attempt    INTEGER NOT NULL, -- raised by each claim
    tries      INTEGER NOT NULL, -- that failed
    due_at     TEXT,             -- next try, or end of lease
    expires_at TEXT    NOT NULL, -- it is given up
    reason     TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    sent_at    TEXT,
    PRIMARY KEY (hook, event_id)
) STRICT;

CREATE INDEX hook_deliveries_due ON hook_deliveries (hook, state, due_at);

CREATE INDEX hook_deliveries_subject ON hook_deliveries (hook, subject, seq);

CREATE INDEX hook_deliveries_sent ON hook_deliveries (hook, sent_at);

CREATE INDEX hook_deliveries_event ON hook_deliveries (event_id);
