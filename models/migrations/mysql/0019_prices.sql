-- A price of 0 is one. What was verified before prices that are not known were marked
-- has 0 for them; no such operation has the time of its last call.
-- The limits are for servers that want one.

UPDATE coupons SET price_unknown = 1 WHERE price_fen = 0 AND operation_id IN (SELECT id FROM operations WHERE sent_at IS NULL) LIMIT 1000000000000;

UPDATE operations SET price_unknown = 1 WHERE price_fen = 0 AND sent_at IS NULL LIMIT 1000000000000;

ALTER TABLE reconciliation_items ADD COLUMN price_known TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'an amount of 0 is one';

-- The price of one use of a card may be a share of the card's.

ALTER TABLE operations ADD COLUMN price_share TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'of one use, computed from the price of a card';

ALTER TABLE coupons ADD COLUMN price_share TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'of one use, computed from the price of a card';
