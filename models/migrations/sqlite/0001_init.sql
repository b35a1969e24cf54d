-- The same as the MySQL migration of this number; a test compares the two.
-- Times are TEXT of fixed width ("2006-01-02 15:04:05.000000", UTC), which
-- compares in the order of time.

CREATE TABLE meta (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
) STRICT;

CREATE TABLE stores (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    platform TEXT NOT NULL,
    shop_id  TEXT NOT NULL,
    name     TEXT NOT NULL,
    origin   TEXT NOT NULL,
    active   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX stores_shop ON stores (platform, shop_id);

CREATE TABLE sessions (
    store_id      INTEGER NOT NULL,
    access_token  BLOB NOT NULL,
    refresh_token BLOB,
    expires_at    TEXT,
    declared      BLOB,
    PRIMARY KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES stores (id)
) STRICT;

CREATE TABLE chats (
    store_id INTEGER NOT NULL,
    chat     TEXT NOT NULL,
    PRIMARY KEY (store_id, chat),
    FOREIGN KEY (store_id) REFERENCES stores (id)
) STRICT;

CREATE INDEX chats_chat ON chats (chat);

CREATE TABLE members (
    store_id INTEGER NOT NULL,
    user_id  TEXT NOT NULL,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    PRIMARY KEY (store_id, user_id),
    FOREIGN KEY (store_id) REFERENCES stores (id)
) STRICT;

CREATE INDEX members_user ON members (user_id);

CREATE TABLE inbox (
    id          TEXT NOT NULL,
    channel     TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    chat        TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    payload     BLOB NOT NULL,
    reply       BLOB,
    final       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    due_at      TEXT,
    received_at TEXT NOT NULL,
    answered_at TEXT,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX inbox_receipt ON inbox (channel, message_id);
CREATE INDEX inbox_due ON inbox (due_at);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE operations (
    id               TEXT NOT NULL,
    store_id         INTEGER NOT NULL,
    code             TEXT NOT NULL,
    live_code        TEXT,
    coupon_count     INTEGER NOT NULL,
    state            TEXT NOT NULL,
    attempt          INTEGER NOT NULL,
    due_at           TEXT,
    inbox_id         TEXT NOT NULL,
    seq              INTEGER NOT NULL,
    channel          TEXT NOT NULL,
    chat             TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    user_name        TEXT NOT NULL,
    deal_id          INTEGER NOT NULL,
    deal_group_id    INTEGER NOT NULL,
    order_id         TEXT NOT NULL,
    title            TEXT NOT NULL,
    price_fen        INTEGER NOT NULL,
    market_fen       INTEGER NOT NULL,
    mobile           TEXT NOT NULL,
    voucher_expires  TEXT,
    created_at       TEXT NOT NULL,
    called_at        TEXT,
    consumed_at      TEXT,
    undo_until       TEXT,
    doubt_since      TEXT,
    needs_human      INTEGER NOT NULL,
    outcome_reason   TEXT NOT NULL,
    outcome_code     TEXT NOT NULL,
    outcome_message  TEXT NOT NULL,
    outcome_trace_id TEXT NOT NULL,
    used_by          TEXT NOT NULL,
    used_at          TEXT,
    other_id         TEXT NOT NULL,
    undo_inbox_id    TEXT NOT NULL,
    undo_user_id     TEXT NOT NULL,
    undo_user_name   TEXT NOT NULL,
    undo_called_at   TEXT,
    undone_at        TEXT,
    undo_reason      TEXT NOT NULL,
    undo_message     TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX operations_message ON operations (inbox_id, seq);
CREATE UNIQUE INDEX operations_live ON operations (store_id, live_code);
CREATE INDEX operations_due ON operations (due_at);
CREATE INDEX operations_code ON operations (code);
CREATE INDEX operations_created ON operations (store_id, created_at);
CREATE INDEX operations_consumed ON operations (store_id, consumed_at);
CREATE INDEX operations_undoable ON operations (user_id, undo_until);
CREATE INDEX operations_undo_message ON operations (undo_inbox_id);

CREATE TABLE coupons (
    operation_id  TEXT NOT NULL,
    store_id      INTEGER NOT NULL,
    code          TEXT NOT NULL,
    order_id      TEXT NOT NULL,
    deal_id       INTEGER NOT NULL,
    deal_group_id INTEGER NOT NULL,
    price_fen     INTEGER NOT NULL,
    payments      TEXT NOT NULL,
    undone_at     TEXT,
    undo_reason   TEXT NOT NULL,
    PRIMARY KEY (operation_id, code)
) STRICT;

CREATE INDEX coupons_code ON coupons (code);

CREATE TABLE calls (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id     TEXT NOT NULL,
    store_id         INTEGER NOT NULL,
    receipt_code     TEXT NOT NULL,
    name             TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    started_at       TEXT NOT NULL,
    took_ns          INTEGER NOT NULL,
    class            TEXT NOT NULL,
    outcome_reason   TEXT NOT NULL,
    outcome_code     TEXT NOT NULL,
    outcome_message  TEXT NOT NULL,
    outcome_trace_id TEXT NOT NULL
) STRICT;

CREATE INDEX calls_operation ON calls (operation_id);
CREATE INDEX calls_code ON calls (receipt_code);

CREATE TABLE outbox (
    id           TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    channel      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    inbox_id     TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    payload      BLOB NOT NULL,
    form         TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    due_at       TEXT,
    reason       TEXT NOT NULL,
    message_id   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    sent_at      TEXT,
    PRIMARY KEY (id)
) STRICT;

CREATE UNIQUE INDEX outbox_order ON outbox (conversation, seq);
CREATE INDEX outbox_queue ON outbox (conversation, state, seq);
CREATE INDEX outbox_due ON outbox (due_at);
CREATE INDEX outbox_inbox ON outbox (inbox_id);
CREATE INDEX outbox_operation ON outbox (operation_id);
