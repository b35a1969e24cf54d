-- What is purged by age is found by age.

CREATE INDEX outbox_created ON outbox (created_at);

CREATE INDEX calls_started ON calls (started_at);
