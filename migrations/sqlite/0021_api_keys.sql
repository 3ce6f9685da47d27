-- Keys by which machines act for the administrator who made them, and the audit log that names them.

CREATE TABLE api_keys (
    id           BLOB PRIMARY KEY,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    -- The beginning of the key, by which people tell it from others.
    prefix       TEXT NOT NULL,
    key_hash     BLOB NOT NULL,
    -- A list of scopes.
    scopes       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    last_used_at TEXT,
    revoked_at   TEXT,
    version      INTEGER NOT NULL,
    CONSTRAINT api_keys_hash UNIQUE (key_hash)
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

ALTER TABLE audit_log ADD COLUMN api_key_id BLOB;
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, id);
CREATE INDEX audit_log_by_action ON audit_log (action, id);
