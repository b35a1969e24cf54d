-- What a consume needs of the look before it is sealed, while the operation is under
-- way; the column ticket is for programs of before. Operations are found by their order.

ALTER TABLE operations ADD COLUMN ticket_sealed MEDIUMBLOB NULL COMMENT 'of the look, for the consume; sealed';

CREATE INDEX operations_order ON operations (order_id);
