-- Figures of periods, so that a month of many stores need not be counted anew.

ALTER TABLE stores ADD COLUMN figures_version BIGINT NOT NULL DEFAULT 0 COMMENT 'raised when what is kept may no longer be true';

CREATE TABLE IF NOT EXISTS period_figures (
    period   VARCHAR(64) NOT NULL COMMENT 'day, week or month, and its time zone',
    from_at  DATETIME(6) NOT NULL,
    store_id BIGINT      NOT NULL,
    to_at    DATETIME(6) NOT NULL COMMENT 'up to when they count',
    figures  MEDIUMTEXT  NOT NULL COMMENT 'JSON',
    PRIMARY KEY (period, from_at, store_id),
    KEY period_figures_store (store_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
