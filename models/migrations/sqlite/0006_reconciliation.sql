-- What the platform says of a closed day, held against the journal.

CREATE TABLE reconciliations (
    store_id    INTEGER NOT NULL,
    day         TEXT    NOT NULL, -- in Beijing, yyyy-MM-dd
    attempt     INTEGER NOT NULL,
    lease_until TEXT    NULL,
    due_at      TEXT    NULL,     -- next look, NULL when there is none any more
    looks       INTEGER NOT NULL,
    failures    INTEGER NOT NULL, -- since the last look that succeeded
    reason      TEXT    NOT NULL,
    checked_at  TEXT    NULL,
    figures     TEXT    NOT NULL, -- JSON
    PRIMARY KEY (store_id, day)
) STRICT;

CREATE INDEX reconciliations_due ON reconciliations (due_at);

CREATE INDEX reconciliations_day ON reconciliations (day, store_id);

CREATE TABLE reconciliation_items (
    store_id      INTEGER NOT NULL,
    day           TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    code          TEXT    NOT NULL,
    operation_id  TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    platform_fen  INTEGER NOT NULL,
    ours_fen      INTEGER NOT NULL,
    account       TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    refund_status TEXT    NOT NULL,
    verified_at   TEXT    NULL,
    PRIMARY KEY (store_id, day, seq)
) STRICT;
