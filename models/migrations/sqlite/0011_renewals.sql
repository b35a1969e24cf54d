-- How renewals of a grant went, so that all replicas space them alike, and since
-- when the platform refuses the session.

ALTER TABLE grants ADD COLUMN tried_at TEXT;

ALTER TABLE grants ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

ALTER TABLE grants ADD COLUMN early INTEGER NOT NULL DEFAULT 0;

ALTER TABLE grants ADD COLUMN refused_at TEXT;
