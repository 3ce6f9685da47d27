-- The event spine: what happened, who was told, and how it was sent.

-- CloudEvents attributes. A row is written in the transaction of the change it tells of.
CREATE TABLE events (
    id              BLOB PRIMARY KEY,
    type            TEXT NOT NULL,
    source          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    subject_version INTEGER NOT NULL,
    time            TEXT NOT NULL,
    data            TEXT NOT NULL,
    planned_at      TEXT
);
CREATE INDEX events_unplanned ON events (time, id) WHERE planned_at IS NULL;
CREATE INDEX events_unplanned_by_subject ON events (subject, subject_version) WHERE planned_at IS NULL;
CREATE INDEX events_by_age ON events (time);

-- Bumped in the transaction that adds the notification, so commit order is offset order.
CREATE TABLE inbox_counters (
    user_id     BLOB PRIMARY KEY,
    last_offset INTEGER NOT NULL
);

CREATE TABLE notifications (
    id         BLOB PRIMARY KEY,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "offset"   INTEGER NOT NULL,
    event_id   BLOB NOT NULL,
    rule_id    TEXT NOT NULL,
    category   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    data       TEXT NOT NULL,
    read_at    TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT notifications_once UNIQUE (event_id, rule_id, user_id),
    CONSTRAINT notifications_offset UNIQUE (user_id, "offset")
);
CREATE INDEX notifications_unread ON notifications (user_id, "offset") WHERE read_at IS NULL;
CREATE INDEX notifications_read ON notifications (read_at) WHERE read_at IS NOT NULL;

-- One message to one address by one channel. status only moves forward; attempt fences late answers.
CREATE TABLE deliveries (
    id              BLOB PRIMARY KEY,
    event_id        BLOB NOT NULL,
    rule_id         TEXT NOT NULL,
    user_id         BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    notification_id BLOB,
    channel         TEXT NOT NULL,
    address         TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    content         TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN
        ('pending', 'sending', 'retrying', 'sent', 'kept', 'dead', 'ambiguous', 'skipped')),
    attempt         INTEGER NOT NULL,
    next_at         TEXT NOT NULL,
    lease_until     TEXT,
    provider_id     TEXT,
    last_error      TEXT,
    sent_at         TEXT,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    CONSTRAINT deliveries_once UNIQUE (event_id, rule_id, user_id, channel, address)
);
CREATE INDEX deliveries_due ON deliveries (channel, next_at) WHERE status IN ('pending', 'retrying');
CREATE INDEX deliveries_leased ON deliveries (channel, lease_until) WHERE status = 'sending';
CREATE INDEX deliveries_by_age ON deliveries (created_at, id);

CREATE TABLE attempts (
    delivery_id BLOB NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    outcome     TEXT,
    provider_id TEXT,
    error       TEXT,
    PRIMARY KEY (delivery_id, number)
);
