-- A code that stays good after a visit can be consumed several times at once.

CREATE TABLE coupons_visits (
    operation_id  TEXT NOT NULL,
    store_id      INTEGER NOT NULL,
    code          TEXT NOT NULL,
    visit         INTEGER NOT NULL DEFAULT 1,
    order_id      TEXT NOT NULL,
    deal_id       INTEGER NOT NULL,
    deal_group_id INTEGER NOT NULL,
    price_fen     INTEGER NOT NULL,
    payments      TEXT NOT NULL,
    undone_at     TEXT,
    undo_reason   TEXT NOT NULL,
    handle        TEXT NOT NULL DEFAULT '',
    price_unknown INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (operation_id, code, visit)
) STRICT;

INSERT INTO coupons_visits (operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undone_at, undo_reason, handle, price_unknown)
    SELECT operation_id, store_id, code, order_id, deal_id, deal_group_id, price_fen, payments, undone_at, undo_reason, handle, price_unknown FROM coupons;

DROP TABLE coupons;

ALTER TABLE coupons_visits RENAME TO coupons;

CREATE INDEX coupons_code ON coupons (code);
