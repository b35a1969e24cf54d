-- In whose minute an answer or notice counts, whatever conversation orders it; and
-- whether an earlier try may have been taken.

ALTER TABLE outbox ADD COLUMN receiver VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'channel + / + chat or user';

ALTER TABLE outbox ADD COLUMN lost TINYINT(1) NOT NULL DEFAULT 0 COMMENT '1: the answer to a try was lost';

CREATE INDEX outbox_receiver ON outbox (receiver, sent_at);
