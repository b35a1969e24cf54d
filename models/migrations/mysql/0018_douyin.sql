-- An account at Douyin is listed under the account of 来客 that has the shop; '' is that
-- of config.yaml. A platform that gives an application one access token has it here,
-- sealed, so that all replicas use the same.

ALTER TABLE stores ADD COLUMN account_id VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'account of 来客 that has the shop';

CREATE TABLE IF NOT EXISTS app_tokens (
    id           VARCHAR(190) NOT NULL COMMENT 'platform and application',
    version      BIGINT       NOT NULL COMMENT 'raised by each change',
    access       BLOB         NULL COMMENT 'sealed',
    obtained_at  DATETIME(6)  NULL,
    expires_at   DATETIME(6)  NULL,
    leased_until DATETIME(6)  NULL COMMENT 'one process asks for a newer one, until then',
    not_before   DATETIME(6)  NULL COMMENT 'no newer one is asked for before',
    in_doubt     BOOLEAN      NOT NULL COMMENT 'the answer to the last request is missing',
    displaced_at DATETIME(6)  NULL COMMENT 'when a token was refused that no newer one of ours had ended',
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
