-- An account at Douyin is listed under the account of 来客 that has the shop; '' is that
-- of config.yaml. A platform that gives an application one access token has it here,
-- sealed, so that all replicas use the same.

ALTER TABLE stores ADD COLUMN account_id TEXT NOT NULL DEFAULT '';

CREATE TABLE app_tokens (
    id           TEXT NOT NULL,
    version      INTEGER NOT NULL,
    access       BLOB,
    obtained_at  TEXT,
    expires_at   TEXT,
    leased_until TEXT,
    not_before   TEXT,
    in_doubt     INTEGER NOT NULL,
    displaced_at TEXT,
    PRIMARY KEY (id)
) STRICT;
