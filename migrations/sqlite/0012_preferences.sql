-- What people want to be told on which channel. Who never chose has no row.

CREATE TABLE preferences (
    user_id    BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    channels   TEXT NOT NULL,
    categories TEXT NOT NULL,
    -- On the person's own clock, HH:MM.
    quiet_from  TEXT,
    quiet_until TEXT,
    digest     TEXT NOT NULL CHECK (digest IN ('off', 'daily')),
    version    INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT preferences_quiet_hours CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
