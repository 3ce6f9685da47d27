-- What people want to be told on which channel. Who never chose has no row.

CREATE TABLE preferences (
    user_id    uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    channels   jsonb NOT NULL,
    categories jsonb NOT NULL,
    -- On the person's own clock, HH:MM.
    quiet_from  text,
    quiet_until text,
    digest     text NOT NULL CHECK (digest IN ('off', 'daily')),
    version    bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT preferences_quiet_hours CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
