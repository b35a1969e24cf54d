-- Merchants' consents and the stores they cover; who works where, by chat; what
-- was changed by whom.

CREATE TABLE grants (
    id                 TEXT NOT NULL,
    platform           TEXT NOT NULL,
    purpose            TEXT NOT NULL,
    customer_id        TEXT NOT NULL,
    shop_id            TEXT NOT NULL,
    access_token       BLOB,
    refresh_token      BLOB,
    expires_at         TEXT,
    refresh_expires_at TEXT,
    refreshes_left     INTEGER NOT NULL,
    scope              TEXT NOT NULL,
    ended              INTEGER NOT NULL,
    reason             TEXT NOT NULL,
    version            INTEGER NOT NULL,
    pair               INTEGER NOT NULL,
    links              INTEGER NOT NULL,
    lease_until        TEXT,
    due_at             TEXT,
    authorized_by      TEXT NOT NULL,
    authorized_at      TEXT NOT NULL,
    renewed_at         TEXT,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX grants_of ON grants (platform, purpose, customer_id, shop_id);
CREATE INDEX grants_due ON grants (due_at);

ALTER TABLE stores ADD COLUMN grant_id TEXT NOT NULL DEFAULT '';

CREATE TABLE choices (
    user_id      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    store_id     INTEGER NOT NULL,
    chosen_until TEXT NOT NULL,
    PRIMARY KEY (user_id, chat)
) STRICT;

CREATE TABLE join_requests (
    id           TEXT NOT NULL,
    store_id     INTEGER NOT NULL,
    user_id      TEXT NOT NULL,
    pending_user TEXT,
    name         TEXT NOT NULL,
    state        TEXT NOT NULL,
    channel      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    decided_by   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    decided_at   TEXT,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX join_requests_pending ON join_requests (store_id, pending_user);

CREATE TABLE tickets (
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    platform   TEXT NOT NULL,
    channel    TEXT NOT NULL,
    chat       TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX tickets_expires ON tickets (expires_at);

CREATE TABLE notices (
    id       TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX notices_taken ON notices (taken_at);

CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    happened_at  TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    user_name    TEXT NOT NULL,
    channel      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    action       TEXT NOT NULL,
    store_id     INTEGER NOT NULL,
    subject      TEXT NOT NULL,
    value_before TEXT NOT NULL,
    value_after  TEXT NOT NULL
) STRICT;

CREATE INDEX audit_happened ON audit (happened_at);
CREATE INDEX audit_store ON audit (store_id, happened_at);

CREATE INDEX calls_user ON calls (user_id, started_at);
