-- What makes an operation certain: what the platform handed out and must be handed
-- back, whether its code stays good after a visit, and when it was last sent.

ALTER TABLE operations ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN left_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN reusable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN price_unknown INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN sent_at TEXT;

ALTER TABLE coupons ADD COLUMN handle TEXT NOT NULL DEFAULT '';
ALTER TABLE coupons ADD COLUMN price_unknown INTEGER NOT NULL DEFAULT 0;

-- Equal failures in a row are one call with a count.
ALTER TABLE calls ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calls ADD COLUMN last_at TEXT;
