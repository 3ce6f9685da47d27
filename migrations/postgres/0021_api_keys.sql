-- Keys by which machines act for the administrator who made them, and the audit log that names them.

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         text NOT NULL,
    -- The beginning of the key, by which people tell it from others.
    prefix       text NOT NULL,
    key_hash     bytea NOT NULL,
    -- A list of scopes.
    scopes       jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    version      bigint NOT NULL,
    CONSTRAINT api_keys_hash UNIQUE (key_hash)
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

ALTER TABLE audit_log ADD COLUMN api_key_id uuid;
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, id);
CREATE INDEX audit_log_by_action ON audit_log (action, id);
