-- Merchants' consents and the stores they cover; who works where, by chat; what
-- was changed by whom.

CREATE TABLE IF NOT EXISTS grants (
    id                 VARCHAR(64)  NOT NULL,
    platform           VARCHAR(32)  NOT NULL,
    purpose            VARCHAR(32)  NOT NULL,
    customer_id        VARCHAR(128) NOT NULL,
    shop_id            VARCHAR(128) NOT NULL,
    access_token       BLOB         NULL,
    refresh_token      BLOB         NULL,
    expires_at         DATETIME(6)  NULL,
    refresh_expires_at DATETIME(6)  NULL,
    refreshes_left     INT          NOT NULL,
    scope              VARCHAR(255) NOT NULL,
    ended              TINYINT(1)   NOT NULL,
    reason             VARCHAR(255) NOT NULL,
    version            INT          NOT NULL,
    pair               INT          NOT NULL,
    links              INT          NOT NULL COMMENT 'how often its stores were told',
    lease_until        DATETIME(6)  NULL,
    due_at             DATETIME(6)  NULL,
    authorized_by      VARCHAR(64)  NOT NULL,
    authorized_at      DATETIME(6)  NOT NULL,
    renewed_at         DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY grants_of (platform, purpose, customer_id, shop_id),
    KEY grants_due (due_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

ALTER TABLE stores ADD COLUMN grant_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '';

CREATE TABLE IF NOT EXISTS choices (
    user_id      VARCHAR(64)  NOT NULL,
    chat         VARCHAR(128) NOT NULL,
    store_id     BIGINT       NOT NULL,
    chosen_until DATETIME(6)  NOT NULL,
    PRIMARY KEY (user_id, chat)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS join_requests (
    id           VARCHAR(64)  NOT NULL,
    store_id     BIGINT       NOT NULL,
    user_id      VARCHAR(64)  NOT NULL,
    pending_user VARCHAR(64)  NULL COMMENT 'user_id while pending, NULL when decided',
    name         VARCHAR(128) NOT NULL,
    state        VARCHAR(16)  NOT NULL,
    channel      VARCHAR(64)  NOT NULL,
    chat         VARCHAR(128) NOT NULL,
    decided_by   VARCHAR(64)  NOT NULL,
    created_at   DATETIME(6)  NOT NULL,
    decided_at   DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY join_requests_pending (store_id, pending_user)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tickets (
    id         VARCHAR(64)  NOT NULL COMMENT 'MAC of the secret, in hex',
    kind       VARCHAR(32)  NOT NULL,
    user_id    VARCHAR(64)  NOT NULL,
    platform   VARCHAR(32)  NOT NULL,
    channel    VARCHAR(64)  NOT NULL,
    chat       VARCHAR(128) NOT NULL,
    expires_at DATETIME(6)  NOT NULL,
    used_at    DATETIME(6)  NULL,
    created_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    KEY tickets_expires (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS notices (
    id       VARCHAR(255) NOT NULL COMMENT 'platform/id',
    taken_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    KEY notices_taken (taken_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit (
    id           BIGINT        NOT NULL AUTO_INCREMENT,
    happened_at  DATETIME(6)   NOT NULL,
    user_id      VARCHAR(64)   NOT NULL,
    user_name    VARCHAR(128)  NOT NULL,
    channel      VARCHAR(64)   NOT NULL,
    chat         VARCHAR(128)  NOT NULL,
    action       VARCHAR(64)   NOT NULL,
    store_id     BIGINT        NOT NULL,
    subject      VARCHAR(255)  NOT NULL,
    value_before VARCHAR(1000) NOT NULL,
    value_after  VARCHAR(1000) NOT NULL,
    PRIMARY KEY (id),
    KEY audit_happened (happened_at),
    KEY audit_store (store_id, happened_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX calls_user ON calls (user_id, started_at);
