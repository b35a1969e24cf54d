-- Operations in a rare state are found without reading the others of a store.

CREATE INDEX operations_state ON operations (store_id, state, created_at);
