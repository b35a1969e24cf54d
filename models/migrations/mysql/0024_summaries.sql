-- What a daily summary has told is kept, so that the next ones tell what has become of it.
-- Most of a day stays as it was: an account says when something was changed that was
-- counted long before.

ALTER TABLE reports ADD COLUMN told MEDIUMTEXT NULL COMMENT 'JSON: what somebody knows of the day, by account';

ALTER TABLE stores ADD COLUMN figures_changed_at DATETIME(6) NULL COMMENT 'long after it was counted, the last time';
