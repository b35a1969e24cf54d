-- In whose minute an answer or notice counts, whatever conversation orders it; and
-- whether an earlier try may have been taken.

ALTER TABLE outbox ADD COLUMN receiver TEXT NOT NULL DEFAULT '';

ALTER TABLE outbox ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_receiver ON outbox (receiver, sent_at);
