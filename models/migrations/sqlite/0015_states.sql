-- Operations in a rare state are found without reading the others of a store. Only
-- those are in the index, so that no other statement is tempted by it.

CREATE INDEX operations_state ON operations (store_id, state, created_at) WHERE state <> 'done';
