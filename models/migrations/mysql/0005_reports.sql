-- What was reported to whom: a row is a summary that is on its way.

CREATE TABLE IF NOT EXISTS reports (
    user_id    VARCHAR(64) NOT NULL,
    kind       VARCHAR(16) NOT NULL,
    begins     VARCHAR(10) NOT NULL COMMENT 'first day, as people there count days',
    created_at DATETIME(6) NOT NULL,
    PRIMARY KEY (kind, begins, user_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
