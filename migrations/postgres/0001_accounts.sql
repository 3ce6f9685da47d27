-- People, their sessions, and what the whole house shares.

CREATE TABLE branches (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    time_zone  text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE users (
    id             uuid PRIMARY KEY,
    email          text NOT NULL,
    password_hash  text NOT NULL,
    name           text NOT NULL,
    role           text NOT NULL CHECK (role IN ('user', 'expert', 'manager', 'admin')),
    branch_id      uuid REFERENCES branches (id),
    phone          text,
    gender         text,
    description    text NOT NULL,
    locale         text NOT NULL,
    time_zone      text NOT NULL,
    avatar_tag     text,
    email_verified boolean NOT NULL,
    disabled       boolean NOT NULL,
    -- Rises when every access token given out so far must stop working.
    auth_epoch     bigint NOT NULL,
    version        bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT users_email UNIQUE (email)
);
CREATE INDEX users_by_branch ON users (branch_id) WHERE branch_id IS NOT NULL;

CREATE TABLE avatars (
    user_id      uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    content_type text NOT NULL,
    bytes        bytea NOT NULL
);

-- A family is one log-in; each refresh spends a token and adds the next of its family.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE settings (
    key   text PRIMARY KEY,
    value text NOT NULL
);

-- resource_id is written with the thing made, in its transaction; the answer follows after the commit.
CREATE TABLE idempotency_keys (
    caller       text NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    resource_id  uuid,
    status       bigint,
    body         text,
    locked_until timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE leases (
    name   text PRIMARY KEY,
    holder text NOT NULL,
    until  timestamptz NOT NULL
);

CREATE TABLE audit_log (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor_id   uuid,
    action     text NOT NULL,
    subject    text NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL
);
CREATE INDEX audit_log_by_subject ON audit_log (subject, at);
