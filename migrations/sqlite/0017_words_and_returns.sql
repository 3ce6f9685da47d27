-- Administrators' own texts in place of the built-in ones. Every edit is a version of its own; of each text at most
-- one is in force, and none where the built-in one is.
CREATE TABLE templates (
    kind       TEXT NOT NULL,
    channel    TEXT NOT NULL CHECK (channel IN ('inbox', 'email', 'sms', 'telegram', 'push')),
    language   TEXT NOT NULL,
    version    INTEGER NOT NULL,
    sections   TEXT NOT NULL,
    current    BOOLEAN NOT NULL,
    created_at TEXT NOT NULL,
    created_by BLOB,
    PRIMARY KEY (kind, channel, language, version)
);
CREATE UNIQUE INDEX templates_in_force ON templates (kind, channel, language) WHERE current;

-- Mails that came back without fault of their address. Many of them in a short time say that there is one.
CREATE TABLE soft_bounces (
    delivery_id BLOB PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    channel     TEXT NOT NULL,
    address     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    at          TEXT NOT NULL
);
CREATE INDEX soft_bounces_of_address ON soft_bounces (channel, address, at);
