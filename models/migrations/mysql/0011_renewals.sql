-- How renewals of a grant went, so that all replicas space them alike, and since
-- when the platform refuses the session.

ALTER TABLE grants ADD COLUMN tried_at DATETIME(6) NULL COMMENT 'when the last renewal was begun, NULL when none was since it was authorised';

ALTER TABLE grants ADD COLUMN failures INT NOT NULL DEFAULT 0 COMMENT 'renewals begun since the tokens were obtained';

ALTER TABLE grants ADD COLUMN early INT NOT NULL DEFAULT 0 COMMENT 'renewals before their time, since one in its time';

ALTER TABLE grants ADD COLUMN refused_at DATETIME(6) NULL COMMENT 'since when calls with the access token are refused, NULL when they are not';
