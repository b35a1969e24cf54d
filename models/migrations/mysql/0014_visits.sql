-- A code that stays good after a visit can be consumed several times at once.

ALTER TABLE coupons ADD COLUMN visit INT NOT NULL DEFAULT 1 COMMENT 'counts the visits of one code, from 1', DROP PRIMARY KEY, ADD PRIMARY KEY (operation_id, code, visit);
