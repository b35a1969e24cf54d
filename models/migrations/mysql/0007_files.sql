-- Files that people are given, in pieces that any max_allowed_packet takes, and
-- the exports that make them.

CREATE TABLE IF NOT EXISTS files (
    id         VARCHAR(64)  NOT NULL,
    name       VARCHAR(255) NOT NULL,
    kind       VARCHAR(16)  NOT NULL COMMENT 'file or image',
    user_id    VARCHAR(64)  NOT NULL COMMENT 'whom it is for',
    size       BIGINT       NOT NULL,
    complete   TINYINT(1)   NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    expires_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (id),
    KEY files_expires (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS file_pieces (
    file_id VARCHAR(64) NOT NULL,
    seq     INT         NOT NULL,
    data    MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (file_id, seq)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS exports (
    id           VARCHAR(64)  NOT NULL,
    inbox_id     VARCHAR(64)  NOT NULL,
    user_id      VARCHAR(64)  NOT NULL,
    running_user VARCHAR(64)  NULL COMMENT 'user_id while it is under way, NULL when finished',
    state        VARCHAR(16)  NOT NULL,
    attempt      INT          NOT NULL,
    due_at       DATETIME(6)  NULL,
    file_id      VARCHAR(64)  NOT NULL,
    reason       VARCHAR(190) NOT NULL,
    created_at   DATETIME(6)  NOT NULL,
    finished_at  DATETIME(6)  NULL,
    PRIMARY KEY (id),
    UNIQUE KEY exports_message (inbox_id),
    UNIQUE KEY exports_running (running_user),
    KEY exports_due (due_at),
    KEY exports_created (created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
