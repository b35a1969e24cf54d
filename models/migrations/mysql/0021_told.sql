-- A transaction that tells the outcome of a message's operations raises this first, so that two
-- whose operations end at the same moment meet at a row that both have changed.

ALTER TABLE inbox ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
