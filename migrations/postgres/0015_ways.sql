-- Every way to reach a person: rules as data, addresses, gates, and a second way where the first fails.

-- Where people can be reached besides the mail address and the phone of their account: chats, apps, browsers.
CREATE TABLE addresses (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel      text NOT NULL,
    address      text NOT NULL,
    -- What a provider needs beside the address, such as the keys of a browser.
    details      jsonb NOT NULL,
    label        text NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    ended_at     timestamptz,
    ended_cause  text,
    CONSTRAINT addresses_once UNIQUE (channel, address)
);
CREATE INDEX addresses_of_user ON addresses (user_id) WHERE ended_at IS NULL;
CREATE INDEX addresses_ended ON addresses (ended_at) WHERE ended_at IS NOT NULL;

-- Addresses to which nothing is sent any more, and why.
CREATE TABLE suppressions (
    channel text NOT NULL,
    address text NOT NULL,
    cause   text NOT NULL,
    detail  text NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (channel, address)
);
CREATE INDEX suppressions_by_age ON suppressions (at);

-- Who is told what, and how. Every edit is a version of its own.
CREATE TABLE rules (
    id         text NOT NULL,
    version    bigint NOT NULL,
    -- The version in force.
    current    boolean NOT NULL,
    document   jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX rules_in_force ON rules (id) WHERE current;

-- How often each book of the planner was edited, so that it reads one anew only then.
CREATE TABLE versions (
    name    text PRIMARY KEY,
    version bigint NOT NULL
);
INSERT INTO versions (name, version) VALUES ('rules', 1), ('templates', 1), ('webhooks', 1);

-- Those who want to hear of something that is not their own.
CREATE TABLE followers (
    subject_id uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (subject_id, user_id)
);
CREATE INDEX followers_by_user ON followers (user_id);

-- Why a person was told of an event by a rule, or was not: each gate with its reason.
CREATE TABLE decisions (
    event_id     uuid NOT NULL,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rule_id      text NOT NULL,
    rule_version bigint NOT NULL,
    trace        jsonb NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (event_id, user_id, rule_id)
);
CREATE INDEX decisions_by_age ON decisions (at);

-- Messages gathered for one person and one way; at most one window of them is open.
CREATE TABLE digest_windows (
    id        uuid PRIMARY KEY,
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    way       text NOT NULL,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX digest_windows_open ON digest_windows (user_id, way) WHERE closed_at IS NULL;
CREATE INDEX digest_windows_due ON digest_windows (closes_at) WHERE closed_at IS NULL;
CREATE INDEX digest_windows_closed ON digest_windows (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE digest_items (
    window_id uuid NOT NULL REFERENCES digest_windows (id) ON DELETE CASCADE,
    event_id  uuid NOT NULL,
    rule_id   text NOT NULL,
    kind      text NOT NULL,
    title     text NOT NULL,
    body      text NOT NULL,
    url       text,
    at        timestamptz NOT NULL,
    PRIMARY KEY (window_id, event_id, rule_id)
);

-- Providers that asked for a pause, so that nobody calls them before it is over.
CREATE TABLE provider_pauses (
    channel  text NOT NULL,
    provider text NOT NULL,
    until    timestamptz NOT NULL,
    detail   text NOT NULL,
    PRIMARY KEY (channel, provider)
);

-- A webhook's delivery has nobody whose it is. Fallbacks stand by until the ways before them have failed.
ALTER TABLE deliveries ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE deliveries ADD COLUMN category text NOT NULL DEFAULT 'booking';
ALTER TABLE deliveries ADD COLUMN class text NOT NULL DEFAULT 'transactional'
    CHECK (class IN ('transactional', 'service', 'marketing'));
ALTER TABLE deliveries ADD COLUMN critical boolean NOT NULL DEFAULT false;
ALTER TABLE deliveries ADD COLUMN rank bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN provider text;
ALTER TABLE deliveries ADD COLUMN next_provider text;
ALTER TABLE deliveries ADD COLUMN reason text;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_status_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_status_check CHECK (status IN
    ('standby', 'pending', 'sending', 'retrying', 'sent', 'kept', 'dead', 'ambiguous', 'skipped'));
ALTER TABLE attempts ADD COLUMN provider text;
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (channel, class, next_at) WHERE status IN ('pending', 'retrying');
CREATE UNIQUE INDEX deliveries_of_nobody_once ON deliveries (event_id, rule_id, channel, address) WHERE user_id IS NULL;

-- What happened to a delivery at a gate after it was planned.
CREATE TABLE delivery_gates (
    delivery_id uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    gate        text NOT NULL,
    reason      text NOT NULL,
    until       timestamptz
);
CREATE INDEX delivery_gates_of_delivery ON delivery_gates (delivery_id, at);

-- The rules that the house comes with.
INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('account.registered', 1, true, '{"on": "account.registered", "audience": "holder", "condition": null, "kind": "account.registered", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "verify", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('account.password_forgotten', 1, true, '{"on": "account.password_forgotten", "audience": "holder", "condition": null, "kind": "account.password_forgotten", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "reset", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.created.client', 1, true, '{"on": "booking.created", "audience": "client", "condition": null, "kind": "booking.created", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.created.expert', 1, true, '{"on": "booking.created", "audience": "expert", "condition": null, "kind": "booking.created", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.confirmed.client', 1, true, '{"on": "booking.confirmed", "audience": "client", "condition": null, "kind": "booking.confirmed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.confirmed.expert', 1, true, '{"on": "booking.confirmed", "audience": "expert", "condition": null, "kind": "booking.confirmed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rejected.client', 1, true, '{"on": "booking.rejected", "audience": "client", "condition": null, "kind": "booking.rejected", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rejected.expert', 1, true, '{"on": "booking.rejected", "audience": "expert", "condition": null, "kind": "booking.rejected", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.cancelled.client', 1, true, '{"on": "booking.cancelled", "audience": "client", "condition": null, "kind": "booking.cancelled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.cancelled.expert', 1, true, '{"on": "booking.cancelled", "audience": "expert", "condition": null, "kind": "booking.cancelled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rescheduled.client', 1, true, '{"on": "booking.rescheduled", "audience": "client", "condition": null, "kind": "booking.rescheduled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rescheduled.expert', 1, true, '{"on": "booking.rescheduled", "audience": "expert", "condition": null, "kind": "booking.rescheduled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.edited.client', 1, true, '{"on": "booking.edited", "audience": "client", "condition": null, "kind": "booking.edited", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.edited.expert', 1, true, '{"on": "booking.edited", "audience": "expert", "condition": null, "kind": "booking.edited", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.clock_moved.client', 1, true, '{"on": "booking.clock_moved", "audience": "client", "condition": null, "kind": "booking.clock_moved", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.clock_moved.expert', 1, true, '{"on": "booking.clock_moved", "audience": "expert", "condition": null, "kind": "booking.clock_moved", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.kept.client', 1, true, '{"on": "booking.kept", "audience": "client", "condition": null, "kind": "booking.kept", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.kept.expert', 1, true, '{"on": "booking.kept", "audience": "expert", "condition": null, "kind": "booking.kept", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reminder.client', 1, true, '{"on": "booking.reminder", "audience": "client", "condition": null, "kind": "booking.reminder", "category": "reminder", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reminder.expert', 1, true, '{"on": "booking.reminder", "audience": "expert", "condition": null, "kind": "booking.reminder", "category": "reminder", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.missed.client', 1, true, '{"on": "booking.missed", "audience": "client", "condition": null, "kind": "booking.missed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.missed.expert', 1, true, '{"on": "booking.missed", "audience": "expert", "condition": null, "kind": "booking.missed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.completed.client', 1, true, '{"on": "booking.completed", "audience": "client", "condition": null, "kind": "booking.completed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.completed.expert', 1, true, '{"on": "booking.completed", "audience": "expert", "condition": null, "kind": "booking.completed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.review_asked.client', 1, true, '{"on": "booking.completed", "audience": "client", "condition": null, "kind": "booking.review_asked", "category": "review", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reviewed.expert', 1, true, '{"on": "booking.reviewed", "audience": "expert", "condition": null, "kind": "booking.reviewed", "category": "review", "class": "service", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('digest.closed.holder', 1, true, '{"on": "digest.closed", "audience": "holder", "condition": null, "kind": "digest.closed", "category": "digest", "class": "service", "critical": false, "inbox": false, "channels": ["email", "telegram", "sms", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "inbox", "enabled": true}', '2026-11-25T00:00:00+00:00');
