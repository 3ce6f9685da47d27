-- Who an account is to an OpenID Connect provider. A provider knows an account as one subject only, so that an address
-- which the provider gave to somebody else leads to nobody's account.
CREATE TABLE oidc_links (
    id        uuid PRIMARY KEY,
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer    text NOT NULL,
    subject   text NOT NULL,
    -- As the provider gave it last.
    email     text,
    linked_at timestamptz NOT NULL,
    used_at   timestamptz NOT NULL,
    CONSTRAINT oidc_links_subject UNIQUE (issuer, subject),
    CONSTRAINT oidc_links_user UNIQUE (user_id, issuer)
);

-- Ways to the provider that somebody has come back from, so that none is come back from twice.
CREATE TABLE oidc_returns (
    state_hash bytea PRIMARY KEY,
    at         timestamptz NOT NULL
);
CREATE INDEX oidc_returns_by_age ON oidc_returns (at);
