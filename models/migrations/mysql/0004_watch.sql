-- What managers were alerted to, and what the rules look at.

CREATE TABLE IF NOT EXISTS alerts (
    id      VARCHAR(255) NOT NULL COMMENT 'rule/subject',
    told_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    KEY alerts_told (told_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX operations_watch ON operations (consumed_at, store_id);
