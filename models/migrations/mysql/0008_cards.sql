-- Cards that were sent, and when their buttons stop saying what can be done.

ALTER TABLE outbox ADD COLUMN change_code BLOB NULL COMMENT 'allows one change of the card; sealed';

ALTER TABLE outbox ADD COLUMN change_at DATETIME(6) NULL COMMENT 'when the card is to be changed, NULL when never';

CREATE INDEX outbox_change ON outbox (change_at);
