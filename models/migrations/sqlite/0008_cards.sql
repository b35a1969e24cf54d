-- Cards that were sent, and when their buttons stop saying what can be done.

ALTER TABLE outbox ADD COLUMN change_code BLOB;

ALTER TABLE outbox ADD COLUMN change_at TEXT;

CREATE INDEX outbox_change ON outbox (change_at);
