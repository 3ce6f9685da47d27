-- Administrators' own texts in place of the built-in ones. Every edit is a version of its own; of each text at most
-- one is in force, and none where the built-in one is.
CREATE TABLE templates (
    kind       text NOT NULL,
    channel    text NOT NULL CHECK (channel IN ('inbox', 'email', 'sms', 'telegram', 'push')),
    language   text NOT NULL,
    version    bigint NOT NULL,
    sections   jsonb NOT NULL,
    current    boolean NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    PRIMARY KEY (kind, channel, language, version)
);
CREATE UNIQUE INDEX templates_in_force ON templates (kind, channel, language) WHERE current;

-- Mails that came back without fault of their address. Many of them in a short time say that there is one.
CREATE TABLE soft_bounces (
    delivery_id uuid PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    channel     text NOT NULL,
    address     text NOT NULL,
    detail      text NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX soft_bounces_of_address ON soft_bounces (channel, address, at);
