-- How renewals of a grant went, so that all replicas space them alike.

ALTER TABLE grants ADD COLUMN tried_at DATETIME(6) NULL COMMENT 'when the last renewal was begun, NULL when none was since it was authorised';

ALTER TABLE grants ADD COLUMN failures INT NOT NULL DEFAULT 0 COMMENT 'renewals begun since the tokens were obtained';

ALTER TABLE grants ADD COLUMN early INT NOT NULL DEFAULT 0 COMMENT 'renewals before their time, since one in its time';
