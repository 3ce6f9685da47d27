-- Who an account is to an OpenID Connect provider. A provider knows an account as one subject only, so that an address
-- which the provider gave to somebody else leads to nobody's account.
CREATE TABLE oidc_links (
    id        BLOB PRIMARY KEY,
    user_id   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    -- As the provider gave it last.
    email     TEXT,
    linked_at TEXT NOT NULL,
    used_at   TEXT NOT NULL,
    CONSTRAINT oidc_links_subject UNIQUE (issuer, subject),
    CONSTRAINT oidc_links_user UNIQUE (user_id, issuer)
);

-- Ways to the provider that somebody has come back from, so that none is come back from twice.
CREATE TABLE oidc_returns (
    state_hash BLOB PRIMARY KEY,
    at         TEXT NOT NULL
);
CREATE INDEX oidc_returns_by_age ON oidc_returns (at);
