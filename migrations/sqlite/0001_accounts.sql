-- People, their sessions, and what the whole house shares.

CREATE TABLE branches (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE users (
    id             BLOB PRIMARY KEY,
    email          TEXT NOT NULL,
    password_hash  TEXT NOT NULL,
    name           TEXT NOT NULL,
    role           TEXT NOT NULL CHECK (role IN ('user', 'expert', 'manager', 'admin')),
    branch_id      BLOB REFERENCES branches (id),
    phone          TEXT,
    gender         TEXT,
    description    TEXT NOT NULL,
    locale         TEXT NOT NULL,
    time_zone      TEXT NOT NULL,
    avatar_tag     TEXT,
    email_verified BOOLEAN NOT NULL,
    disabled       BOOLEAN NOT NULL,
    -- Rises when every access token given out so far must stop working.
    auth_epoch     INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL,
    CONSTRAINT users_email UNIQUE (email)
);
CREATE INDEX users_by_branch ON users (branch_id) WHERE branch_id IS NOT NULL;

CREATE TABLE avatars (
    user_id      BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
);

-- A family is one log-in; each refresh spends a token and adds the next of its family.
CREATE TABLE refresh_tokens (
    token_hash BLOB PRIMARY KEY,
    family_id  BLOB NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    spent_at   TEXT,
    revoked_at TEXT
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- resource_id is written with the thing made, in its transaction; the answer follows after the commit.
CREATE TABLE idempotency_keys (
    caller       TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    resource_id  BLOB,
    status       INTEGER,
    body         TEXT,
    locked_until TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  TEXT NOT NULL
);

CREATE TABLE audit_log (
    id         BLOB PRIMARY KEY,
    at         TEXT NOT NULL,
    actor_id   BLOB,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL
);
CREATE INDEX audit_log_by_subject ON audit_log (subject, at);
