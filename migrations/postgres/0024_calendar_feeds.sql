-- The calendar that somebody subscribes to, at an address that nobody can guess.

-- The address is worked out from the salt and the house's secret, so that its owner can be shown it again; what
-- is asked for is found by its hash.
CREATE TABLE calendar_feeds (
    user_id     uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    salt        bytea NOT NULL,
    secret_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT calendar_feeds_hash UNIQUE (secret_hash)
);
