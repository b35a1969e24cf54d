-- Other systems are told of what has happened. An event is written with what it tells,
-- and a delivery for each hook that wants it; hooks are those of config.yaml, and how
-- they do.

CREATE TABLE IF NOT EXISTS hooks (
    name          VARCHAR(64)  NOT NULL,
    host          VARCHAR(255) NOT NULL,
    kinds         VARCHAR(255) NOT NULL COMMENT 'of event, that it is sent',
    address       VARCHAR(64)  NOT NULL COMMENT 'fingerprint of its URL',
    active        TINYINT(1)   NOT NULL COMMENT 'config.yaml has it',
    failures      INT          NOT NULL COMMENT 'since the last success',
    failing_since DATETIME(6)  NULL,
    next_at       DATETIME(6)  NULL COMMENT 'no try before',
    told_at       DATETIME(6)  NULL COMMENT 'managers know',
    gone_at       DATETIME(6)  NULL COMMENT 'it said that it is gone',
    reason        VARCHAR(64)  NOT NULL COMMENT 'of the last failure',
    status        INT          NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS hook_events (
    id         VARCHAR(64)  NOT NULL,
    event_key  VARCHAR(190) NOT NULL COMMENT 'what it tells, once',
    subject    VARCHAR(190) NOT NULL COMMENT 'events about one have an order',
    seq        BIGINT       NOT NULL,
    kind       VARCHAR(32)  NOT NULL,
    store_id   BIGINT       NOT NULL,
    day        VARCHAR(10)  NOT NULL COMMENT 'of a day that was closed',
    payload    MEDIUMBLOB   NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY hook_events_key (event_key),
    UNIQUE KEY hook_events_subject (subject, seq),
    KEY hook_events_created (created_at),
    KEY hook_events_day (kind, day, store_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS hook_deliveries (
    hook       VARCHAR(64)  NOT NULL,
    event_id   VARCHAR(64)  NOT NULL,
    subject    VARCHAR(190) NOT NULL,
    seq        BIGINT       NOT NULL,
    state      VARCHAR(16)  NOT NULL COMMENT 'queued | sent | failed',
    attempt    INT          NOT NULL COMMENT 'raised by each claim',
    tries      INT          NOT NULL COMMENT 'that failed',
    due_at     DATETIME(6)  NULL COMMENT 'next try, or end of lease',
    expires_at DATETIME(6)  NOT NULL COMMENT 'it is given up',
    reason     VARCHAR(64)  NOT NULL,
    status     INT          NOT NULL,
    sent_at    DATETIME(6)  NULL,
    PRIMARY KEY (hook, event_id),
    KEY hook_deliveries_due (hook, state, due_at),
    KEY hook_deliveries_subject (hook, subject, seq),
    KEY hook_deliveries_sent (hook, sent_at),
    KEY hook_deliveries_event (event_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
