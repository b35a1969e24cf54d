-- Money that a platform gave back to a customer after a verification of ours.

CREATE TABLE IF NOT EXISTS refunds (
    platform       VARCHAR(32)  NOT NULL,
    certificate_id VARCHAR(64)  NOT NULL COMMENT 'of the coupon, at the platform',
    store_id       BIGINT       NOT NULL COMMENT 'the account',
    operation_id   VARCHAR(64)  NOT NULL COMMENT 'that used the coupon',
    code           VARCHAR(64)  NOT NULL,
    order_id       VARCHAR(64)  NOT NULL,
    title          VARCHAR(255) NOT NULL,
    price_fen      BIGINT       NOT NULL,
    price_unknown  TINYINT(1)   NOT NULL,
    refunded_at    DATETIME(6)  NOT NULL,
    PRIMARY KEY (platform, certificate_id),
    KEY refunds_store (store_id, refunded_at),
    KEY refunds_operation (operation_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
