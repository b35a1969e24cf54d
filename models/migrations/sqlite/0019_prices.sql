-- A price of 0 is one. What was verified before prices that are not known were marked
-- has 0 for them; no such operation has the time of its last call.

UPDATE coupons SET price_unknown = 1 WHERE price_fen = 0 AND operation_id IN (SELECT id FROM operations WHERE sent_at IS NULL);

UPDATE operations SET price_unknown = 1 WHERE price_fen = 0 AND sent_at IS NULL;

ALTER TABLE reconciliation_items ADD COLUMN price_known INTEGER NOT NULL DEFAULT 0;

-- The price of one use of a card may be a share of the card's.

ALTER TABLE operations ADD COLUMN price_share INTEGER NOT NULL DEFAULT 0;

ALTER TABLE coupons ADD COLUMN price_share INTEGER NOT NULL DEFAULT 0;
