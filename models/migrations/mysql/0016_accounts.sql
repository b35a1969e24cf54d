-- A store has accounts: itself at one platform each. A row is an account; the first of
-- a store is the store, too, with its groups and people. Operations, coupons, calls,
-- reconciliations and kept figures have the account for their store_id: of a store with
-- one account, and for a program that knows of no others, that is the same.

ALTER TABLE stores ADD COLUMN belongs_to BIGINT NOT NULL DEFAULT 0 COMMENT 'id of the store whose further account it is; 0: it is a store and its first account';

CREATE INDEX stores_belongs ON stores (belongs_to);
