-- Who does what only one process may do at a time.

CREATE TABLE IF NOT EXISTS leases (
    name    VARCHAR(64)  NOT NULL COMMENT 'what it is for',
    holder  VARCHAR(128) NOT NULL,
    attempt INT          NOT NULL,
    ends_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
