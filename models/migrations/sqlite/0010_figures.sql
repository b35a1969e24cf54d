-- Figures of periods, so that a month of many stores need not be counted anew.

ALTER TABLE stores ADD COLUMN figures_version INTEGER NOT NULL DEFAULT 0;

CREATE TABLE period_figures (
    period   TEXT NOT NULL,
    from_at  TEXT NOT NULL,
    store_id INTEGER NOT NULL,
    to_at    TEXT NOT NULL,
    figures  TEXT NOT NULL,
    PRIMARY KEY (period, from_at, store_id)
) STRICT;

CREATE INDEX period_figures_store ON period_figures (store_id);
