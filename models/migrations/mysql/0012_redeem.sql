-- What makes an operation certain: what the platform handed out and must be handed
-- back, whether its code stays good after a visit, and when it was last sent.

ALTER TABLE operations ADD COLUMN ticket VARCHAR(1024) NOT NULL DEFAULT '' COMMENT 'of the look, for the consume';

ALTER TABLE operations ADD COLUMN left_count INT NOT NULL DEFAULT 0 COMMENT 'coupons or visits that could be consumed before; 0 when not told';

ALTER TABLE operations ADD COLUMN reusable TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'the code stays good after a visit';

ALTER TABLE operations ADD COLUMN price_unknown TINYINT(1) NOT NULL DEFAULT 0;

ALTER TABLE operations ADD COLUMN sent_at DATETIME(6) NULL COMMENT 'before the last call with an effect';

ALTER TABLE coupons ADD COLUMN handle VARCHAR(1024) NOT NULL DEFAULT '' COMMENT 'of the consume, for the undo';

ALTER TABLE coupons ADD COLUMN price_unknown TINYINT(1) NOT NULL DEFAULT 0;

-- Equal failures in a row are one call with a count.

ALTER TABLE calls ADD COLUMN times INT NOT NULL DEFAULT 1;

ALTER TABLE calls ADD COLUMN last_at DATETIME(6) NULL COMMENT 'when the last of several was made';
