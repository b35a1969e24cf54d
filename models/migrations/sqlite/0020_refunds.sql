-- Money that a platform gave back to a customer after a verification of ours.

CREATE TABLE refunds (
    platform       TEXT    NOT NULL,
    certificate_id TEXT    NOT NULL, -- of the coupon, at the platform
    store_id       INTEGER NOT NULL, -- the account
    operation_id   TEXT    NOT NULL, -- that used the coupon
    code           TEXT    NOT NULL,
    order_id       TEXT    NOT NULL,
    title          TEXT    NOT NULL,
    price_fen      INTEGER NOT NULL,
    price_unknown  INTEGER NOT NULL,
    refunded_at    TEXT    NOT NULL,
    PRIMARY KEY (platform, certificate_id)
) STRICT;

CREATE INDEX refunds_store ON refunds (store_id, refunded_at);

CREATE INDEX refunds_operation ON refunds (operation_id);
