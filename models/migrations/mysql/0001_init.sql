-- Every statement can be run again: MySQL commits each DDL statement by itself.
-- The character set is spelled out so that a database created as latin1 does no
-- harm; utf8mb4_bin compares by bytes, for chat ids are case-sensitive.

CREATE TABLE IF NOT EXISTS meta (
    name  VARCHAR(64)  NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS stores (
    id       BIGINT       NOT NULL AUTO_INCREMENT,
    platform VARCHAR(32)  NOT NULL,
    shop_id  VARCHAR(128) NOT NULL,
    name     VARCHAR(128) NOT NULL,
    origin   VARCHAR(32)  NOT NULL,
    active   TINYINT(1)   NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY stores_shop (platform, shop_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    store_id      BIGINT      NOT NULL,
    access_token  BLOB        NOT NULL,
    refresh_token BLOB        NULL,
    expires_at    DATETIME(6) NULL,
    declared      BINARY(32)  NULL COMMENT 'MAC of the token that config.yaml declared',
    PRIMARY KEY (store_id),
    CONSTRAINT sessions_store FOREIGN KEY (store_id) REFERENCES stores (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS chats (
    store_id BIGINT       NOT NULL,
    chat     VARCHAR(128) NOT NULL,
    PRIMARY KEY (store_id, chat),
    KEY chats_chat (chat),
    CONSTRAINT chats_store FOREIGN KEY (store_id) REFERENCES stores (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS members (
    store_id BIGINT       NOT NULL,
    user_id  VARCHAR(64)  NOT NULL,
    name     VARCHAR(128) NOT NULL,
    role     VARCHAR(16)  NOT NULL,
    PRIMARY KEY (store_id, user_id),
    KEY members_user (user_id),
    CONSTRAINT members_store FOREIGN KEY (store_id) REFERENCES stores (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS inbox (
    id          VARCHAR(64)  NOT NULL,
    channel     VARCHAR(64)  NOT NULL,
    message_id  VARCHAR(190) NOT NULL,
    chat        VARCHAR(128) NOT NULL,
    user_id     VARCHAR(64)  NOT NULL,
    payload     MEDIUMBLOB   NOT NULL,
    reply       MEDIUMBLOB   NULL,
    final       TINYINT(1)   NOT NULL,
    attempt     INT          NOT NULL,
    due_at      DATETIME(6)  NULL,
    received_at DATETIME(6)  NOT NULL,
    answered_at DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY inbox_receipt (channel, message_id),
    KEY inbox_due (due_at),
    KEY inbox_received (received_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS operations (
    id              VARCHAR(64)  NOT NULL,
    store_id        BIGINT       NOT NULL,
    code            VARCHAR(64)  NOT NULL,
    live_code       VARCHAR(64)  NULL COMMENT 'code while live, NULL when finished',
    coupon_count    INT          NOT NULL,
    state           VARCHAR(16)  NOT NULL,
    attempt         INT          NOT NULL,
    due_at          DATETIME(6)  NULL,
    inbox_id        VARCHAR(64)  NOT NULL,
    seq             INT          NOT NULL,
    channel         VARCHAR(64)  NOT NULL,
    chat            VARCHAR(128) NOT NULL,
    user_id         VARCHAR(64)  NOT NULL,
    user_name       VARCHAR(128) NOT NULL,
    deal_id         BIGINT       NOT NULL,
    deal_group_id   BIGINT       NOT NULL,
    order_id        VARCHAR(64)  NOT NULL,
    title           VARCHAR(255) NOT NULL,
    price_fen       BIGINT       NOT NULL,
    market_fen      BIGINT       NOT NULL,
    mobile          VARCHAR(32)  NOT NULL,
    voucher_expires DATETIME(6)  NULL,
    created_at      DATETIME(6)  NOT NULL,
    called_at       DATETIME(6)  NULL,
    consumed_at     DATETIME(6)  NULL,
    undo_until      DATETIME(6)  NULL,
    doubt_since     DATETIME(6)  NULL,
    needs_human     TINYINT(1)   NOT NULL,
    outcome_reason  VARCHAR(64)  NOT NULL,
    outcome_code    VARCHAR(64)  NOT NULL,
    outcome_message VARCHAR(500) NOT NULL,
    outcome_trace_id VARCHAR(128) NOT NULL,
    used_by         VARCHAR(255) NOT NULL,
    used_at         DATETIME(6)  NULL,
    other_id        VARCHAR(64)  NOT NULL,
    undo_inbox_id   VARCHAR(64)  NOT NULL,
    undo_user_id    VARCHAR(64)  NOT NULL,
    undo_user_name  VARCHAR(128) NOT NULL,
    undo_called_at  DATETIME(6)  NULL,
    undone_at       DATETIME(6)  NULL,
    undo_reason     VARCHAR(64)  NOT NULL,
    undo_message    VARCHAR(500) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY operations_message (inbox_id, seq),
    UNIQUE KEY operations_live (store_id, live_code),
    KEY operations_due (due_at),
    KEY operations_code (code),
    KEY operations_created (store_id, created_at),
    KEY operations_consumed (store_id, consumed_at),
    KEY operations_undoable (user_id, undo_until),
    KEY operations_undo_message (undo_inbox_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS coupons (
    operation_id  VARCHAR(64) NOT NULL,
    store_id      BIGINT      NOT NULL,
    code          VARCHAR(64) NOT NULL,
    order_id      VARCHAR(64) NOT NULL,
    deal_id       BIGINT      NOT NULL,
    deal_group_id BIGINT      NOT NULL,
    price_fen     BIGINT      NOT NULL,
    payments      MEDIUMTEXT  NOT NULL,
    undone_at     DATETIME(6) NULL,
    undo_reason   VARCHAR(64) NOT NULL,
    PRIMARY KEY (operation_id, code),
    KEY coupons_code (code)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS calls (
    id               BIGINT       NOT NULL AUTO_INCREMENT,
    operation_id     VARCHAR(64)  NOT NULL,
    store_id         BIGINT       NOT NULL,
    receipt_code     VARCHAR(64)  NOT NULL,
    name             VARCHAR(64)  NOT NULL,
    user_id          VARCHAR(64)  NOT NULL,
    started_at       DATETIME(6)  NOT NULL,
    took_ns          BIGINT       NOT NULL,
    class            VARCHAR(64)  NOT NULL,
    outcome_reason   VARCHAR(64)  NOT NULL,
    outcome_code     VARCHAR(64)  NOT NULL,
    outcome_message  VARCHAR(500) NOT NULL,
    outcome_trace_id VARCHAR(128) NOT NULL,
    PRIMARY KEY (id),
    KEY calls_operation (operation_id),
    KEY calls_code (receipt_code)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox (
    id           VARCHAR(64)  NOT NULL,
    seq          BIGINT       NOT NULL,
    conversation VARCHAR(255) NOT NULL,
    channel      VARCHAR(64)  NOT NULL,
    chat         VARCHAR(128) NOT NULL,
    user_id      VARCHAR(64)  NOT NULL,
    inbox_id     VARCHAR(64)  NOT NULL,
    operation_id VARCHAR(64)  NOT NULL,
    payload      MEDIUMBLOB   NOT NULL,
    form         VARCHAR(32)  NOT NULL,
    state        VARCHAR(16)  NOT NULL,
    attempt      INT          NOT NULL,
    due_at       DATETIME(6)  NULL,
    reason       VARCHAR(190) NOT NULL,
    message_id   VARCHAR(190) NOT NULL,
    created_at   DATETIME(6)  NOT NULL,
    sent_at      DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY outbox_order (conversation, seq),
    KEY outbox_queue (conversation, state, seq),
    KEY outbox_due (due_at),
    KEY outbox_inbox (inbox_id),
    KEY outbox_operation (operation_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
