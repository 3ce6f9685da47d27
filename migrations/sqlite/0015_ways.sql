-- Every way to reach a person: rules as data, addresses, gates, and a second way where the first fails.

-- Where people can be reached besides the mail address and the phone of their account: chats, apps, browsers.
CREATE TABLE addresses (
    id           BLOB PRIMARY KEY,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel      TEXT NOT NULL,
    address      TEXT NOT NULL,
    -- What a provider needs beside the address, such as the keys of a browser.
    details      TEXT NOT NULL,
    label        TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    ended_at     TEXT,
    ended_cause  TEXT,
    CONSTRAINT addresses_once UNIQUE (channel, address)
);
CREATE INDEX addresses_of_user ON addresses (user_id) WHERE ended_at IS NULL;
CREATE INDEX addresses_ended ON addresses (ended_at) WHERE ended_at IS NOT NULL;

-- Addresses to which nothing is sent any more, and why.
CREATE TABLE suppressions (
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    cause   TEXT NOT NULL,
    detail  TEXT NOT NULL,
    at      TEXT NOT NULL,
    PRIMARY KEY (channel, address)
);
CREATE INDEX suppressions_by_age ON suppressions (at);

-- Who is told what, and how. Every edit is a version of its own.
CREATE TABLE rules (
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    -- The version in force.
    current    BOOLEAN NOT NULL,
    document   TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by BLOB,
    PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX rules_in_force ON rules (id) WHERE current;

-- How often each book of the planner was edited, so that it reads one anew only then.
CREATE TABLE versions (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL
);
INSERT INTO versions (name, version) VALUES ('rules', 1), ('templates', 1), ('webhooks', 1);

-- Those who want to hear of something that is not their own.
CREATE TABLE followers (
    subject_id BLOB NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (subject_id, user_id)
);
CREATE INDEX followers_by_user ON followers (user_id);

-- Why a person was told of an event by a rule, or was not: each gate with its reason.
CREATE TABLE decisions (
    event_id     BLOB NOT NULL,
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rule_id      TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    trace        TEXT NOT NULL,
    at           TEXT NOT NULL,
    PRIMARY KEY (event_id, user_id, rule_id)
);
CREATE INDEX decisions_by_age ON decisions (at);

-- Messages gathered for one person and one way; at most one window of them is open.
CREATE TABLE digest_windows (
    id        BLOB PRIMARY KEY,
    user_id   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    way       TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    closes_at TEXT NOT NULL,
    closed_at TEXT
);
CREATE UNIQUE INDEX digest_windows_open ON digest_windows (user_id, way) WHERE closed_at IS NULL;
CREATE INDEX digest_windows_due ON digest_windows (closes_at) WHERE closed_at IS NULL;
CREATE INDEX digest_windows_closed ON digest_windows (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE digest_items (
    window_id BLOB NOT NULL REFERENCES digest_windows (id) ON DELETE CASCADE,
    event_id  BLOB NOT NULL,
    rule_id   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    title     TEXT NOT NULL,
    body      TEXT NOT NULL,
    url       TEXT,
    at        TEXT NOT NULL,
    PRIMARY KEY (window_id, event_id, rule_id)
);

-- Providers that asked for a pause, so that nobody calls them before it is over.
CREATE TABLE provider_pauses (
    channel  TEXT NOT NULL,
    provider TEXT NOT NULL,
    until    TEXT NOT NULL,
    detail   TEXT NOT NULL,
    PRIMARY KEY (channel, provider)
);

-- A webhook's delivery has nobody whose it is. Fallbacks stand by until the ways before them have failed.
-- SQLite changes neither a check nor a NOT NULL in place: the table is made anew, without waking what refers to it.
CREATE TABLE deliveries_made_anew (
    id              BLOB PRIMARY KEY,
    event_id        BLOB NOT NULL,
    rule_id         TEXT NOT NULL,
    user_id         BLOB REFERENCES users (id) ON DELETE CASCADE,
    notification_id BLOB,
    channel         TEXT NOT NULL,
    address         TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    content         TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN
        ('standby', 'pending', 'sending', 'retrying', 'sent', 'kept', 'dead', 'ambiguous', 'skipped')),
    attempt         INTEGER NOT NULL,
    next_at         TEXT NOT NULL,
    lease_until     TEXT,
    provider_id     TEXT,
    last_error      TEXT,
    sent_at         TEXT,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    category        TEXT NOT NULL DEFAULT 'booking',
    class           TEXT NOT NULL DEFAULT 'transactional' CHECK (class IN ('transactional', 'service', 'marketing')),
    critical        BOOLEAN NOT NULL DEFAULT FALSE,
    rank            INTEGER NOT NULL DEFAULT 0,
    provider        TEXT,
    next_provider   TEXT,
    reason          TEXT,
    CONSTRAINT deliveries_once UNIQUE (event_id, rule_id, user_id, channel, address)
);
INSERT INTO deliveries_made_anew (id, event_id, rule_id, user_id, notification_id, channel, address, kind, subject, content,
        status, attempt, next_at, lease_until, provider_id, last_error, sent_at, created_at, updated_at)
    SELECT id, event_id, rule_id, user_id, notification_id, channel, address, kind, subject, content,
        status, attempt, next_at, lease_until, provider_id, last_error, sent_at, created_at, updated_at
    FROM deliveries;
CREATE TABLE attempts_made_anew (
    delivery_id BLOB NOT NULL REFERENCES deliveries_made_anew (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    outcome     TEXT,
    provider_id TEXT,
    error       TEXT,
    provider    TEXT,
    PRIMARY KEY (delivery_id, number)
);
INSERT INTO attempts_made_anew (delivery_id, number, started_at, finished_at, outcome, provider_id, error)
    SELECT delivery_id, number, started_at, finished_at, outcome, provider_id, error FROM attempts;
DROP TABLE attempts;
DROP TABLE deliveries;
ALTER TABLE deliveries_made_anew RENAME TO deliveries;
ALTER TABLE attempts_made_anew RENAME TO attempts;
CREATE INDEX deliveries_due ON deliveries (channel, class, next_at) WHERE status IN ('pending', 'retrying');
CREATE INDEX deliveries_leased ON deliveries (channel, lease_until) WHERE status = 'sending';
CREATE INDEX deliveries_by_age ON deliveries (created_at, id);
CREATE UNIQUE INDEX deliveries_of_nobody_once ON deliveries (event_id, rule_id, channel, address) WHERE user_id IS NULL;

-- What happened to a delivery at a gate after it was planned.
CREATE TABLE delivery_gates (
    delivery_id BLOB NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at          TEXT NOT NULL,
    gate        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    until       TEXT
);
CREATE INDEX delivery_gates_of_delivery ON delivery_gates (delivery_id, at);

-- The rules that the house comes with.
INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('account.registered', 1, TRUE, '{"on": "account.registered", "audience": "holder", "condition": null, "kind": "account.registered", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "verify", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('account.password_forgotten', 1, TRUE, '{"on": "account.password_forgotten", "audience": "holder", "condition": null, "kind": "account.password_forgotten", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "reset", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.created.client', 1, TRUE, '{"on": "booking.created", "audience": "client", "condition": null, "kind": "booking.created", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.created.expert', 1, TRUE, '{"on": "booking.created", "audience": "expert", "condition": null, "kind": "booking.created", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.confirmed.client', 1, TRUE, '{"on": "booking.confirmed", "audience": "client", "condition": null, "kind": "booking.confirmed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.confirmed.expert', 1, TRUE, '{"on": "booking.confirmed", "audience": "expert", "condition": null, "kind": "booking.confirmed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rejected.client', 1, TRUE, '{"on": "booking.rejected", "audience": "client", "condition": null, "kind": "booking.rejected", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rejected.expert', 1, TRUE, '{"on": "booking.rejected", "audience": "expert", "condition": null, "kind": "booking.rejected", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.cancelled.client', 1, TRUE, '{"on": "booking.cancelled", "audience": "client", "condition": null, "kind": "booking.cancelled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.cancelled.expert', 1, TRUE, '{"on": "booking.cancelled", "audience": "expert", "condition": null, "kind": "booking.cancelled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "cancel", "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rescheduled.client', 1, TRUE, '{"on": "booking.rescheduled", "audience": "client", "condition": null, "kind": "booking.rescheduled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.rescheduled.expert', 1, TRUE, '{"on": "booking.rescheduled", "audience": "expert", "condition": null, "kind": "booking.rescheduled", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": "request", "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.edited.client', 1, TRUE, '{"on": "booking.edited", "audience": "client", "condition": null, "kind": "booking.edited", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.edited.expert', 1, TRUE, '{"on": "booking.edited", "audience": "expert", "condition": null, "kind": "booking.edited", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.clock_moved.client', 1, TRUE, '{"on": "booking.clock_moved", "audience": "client", "condition": null, "kind": "booking.clock_moved", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.clock_moved.expert', 1, TRUE, '{"on": "booking.clock_moved", "audience": "expert", "condition": null, "kind": "booking.clock_moved", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.kept.client', 1, TRUE, '{"on": "booking.kept", "audience": "client", "condition": null, "kind": "booking.kept", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.kept.expert', 1, TRUE, '{"on": "booking.kept", "audience": "expert", "condition": null, "kind": "booking.kept", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reminder.client', 1, TRUE, '{"on": "booking.reminder", "audience": "client", "condition": null, "kind": "booking.reminder", "category": "reminder", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reminder.expert', 1, TRUE, '{"on": "booking.reminder", "audience": "expert", "condition": null, "kind": "booking.reminder", "category": "reminder", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.missed.client', 1, TRUE, '{"on": "booking.missed", "audience": "client", "condition": null, "kind": "booking.missed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.missed.expert', 1, TRUE, '{"on": "booking.missed", "audience": "expert", "condition": null, "kind": "booking.missed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "another_time", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.completed.client', 1, TRUE, '{"on": "booking.completed", "audience": "client", "condition": null, "kind": "booking.completed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.completed.expert', 1, TRUE, '{"on": "booking.completed", "audience": "expert", "condition": null, "kind": "booking.completed", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.review_asked.client', 1, TRUE, '{"on": "booking.completed", "audience": "client", "condition": null, "kind": "booking.review_asked", "category": "review", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('booking.reviewed.expert', 1, TRUE, '{"on": "booking.reviewed", "audience": "expert", "condition": null, "kind": "booking.reviewed", "category": "review", "class": "service", "critical": false, "inbox": true, "channels": ["telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-25T00:00:00+00:00'),
    ('digest.closed.holder', 1, TRUE, '{"on": "digest.closed", "audience": "holder", "condition": null, "kind": "digest.closed", "category": "digest", "class": "service", "critical": false, "inbox": false, "channels": ["email", "telegram", "sms", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "inbox", "enabled": true}', '2026-11-25T00:00:00+00:00');
