-- What the platform says of a closed day, held against the journal.

CREATE TABLE IF NOT EXISTS reconciliations (
    store_id    BIGINT        NOT NULL,
    day         VARCHAR(10)   NOT NULL COMMENT 'in Beijing, yyyy-MM-dd',
    attempt     INT           NOT NULL,
    lease_until DATETIME(6)   NULL,
    due_at      DATETIME(6)   NULL COMMENT 'next look, NULL when there is none any more',
    looks       INT           NOT NULL,
    failures    INT           NOT NULL COMMENT 'since the last look that succeeded',
    reason      VARCHAR(64)   NOT NULL,
    checked_at  DATETIME(6)   NULL,
    figures     VARCHAR(2000) NOT NULL COMMENT 'JSON',
    PRIMARY KEY (store_id, day),
    KEY reconciliations_due (due_at),
    KEY reconciliations_day (day, store_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS reconciliation_items (
    store_id      BIGINT       NOT NULL,
    day           VARCHAR(10)  NOT NULL,
    seq           INT          NOT NULL,
    kind          VARCHAR(32)  NOT NULL,
    code          VARCHAR(64)  NOT NULL,
    operation_id  VARCHAR(64)  NOT NULL,
    title         VARCHAR(255) NOT NULL,
    platform_fen  BIGINT       NOT NULL,
    ours_fen      BIGINT       NOT NULL,
    account       VARCHAR(255) NOT NULL,
    channel       VARCHAR(64)  NOT NULL,
    refund_status VARCHAR(16)  NOT NULL,
    verified_at   DATETIME(6)  NULL,
    PRIMARY KEY (store_id, day, seq)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
