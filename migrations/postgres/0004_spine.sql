-- The event spine: what happened, who was told, and how it was sent.

-- CloudEvents attributes. A row is written in the transaction of the change it tells of.
CREATE TABLE events (
    id              uuid PRIMARY KEY,
    type            text NOT NULL,
    source          text NOT NULL,
    subject         text NOT NULL,
    subject_version bigint NOT NULL,
    time            timestamptz NOT NULL,
    data            jsonb NOT NULL,
    planned_at      timestamptz
);
CREATE INDEX events_unplanned ON events (time, id) WHERE planned_at IS NULL;
CREATE INDEX events_unplanned_by_subject ON events (subject, subject_version) WHERE planned_at IS NULL;
CREATE INDEX events_by_age ON events (time);

-- Bumped in the transaction that adds the notification, so commit order is offset order.
CREATE TABLE inbox_counters (
    user_id     uuid PRIMARY KEY,
    last_offset bigint NOT NULL
);

CREATE TABLE notifications (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "offset"   bigint NOT NULL,
    event_id   uuid NOT NULL,
    rule_id    text NOT NULL,
    category   text NOT NULL,
    kind       text NOT NULL,
    title      text NOT NULL,
    body       text NOT NULL,
    data       jsonb NOT NULL,
    read_at    timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT notifications_once UNIQUE (event_id, rule_id, user_id),
    CONSTRAINT notifications_offset UNIQUE (user_id, "offset")
);
CREATE INDEX notifications_unread ON notifications (user_id, "offset") WHERE read_at IS NULL;
CREATE INDEX notifications_read ON notifications (read_at) WHERE read_at IS NOT NULL;

-- One message to one address by one channel. status only moves forward; attempt fences late answers.
CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    event_id        uuid NOT NULL,
    rule_id         text NOT NULL,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    notification_id uuid,
    channel         text NOT NULL,
    address         text NOT NULL,
    kind            text NOT NULL,
    subject         text NOT NULL,
    content         jsonb NOT NULL,
    status          text NOT NULL CHECK (status IN
        ('pending', 'sending', 'retrying', 'sent', 'kept', 'dead', 'ambiguous', 'skipped')),
    attempt         bigint NOT NULL,
    next_at         timestamptz NOT NULL,
    lease_until     timestamptz,
    provider_id     text,
    last_error      text,
    sent_at         timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT deliveries_once UNIQUE (event_id, rule_id, user_id, channel, address)
);
CREATE INDEX deliveries_due ON deliveries (channel, next_at) WHERE status IN ('pending', 'retrying');
CREATE INDEX deliveries_leased ON deliveries (channel, lease_until) WHERE status = 'sending';
CREATE INDEX deliveries_by_age ON deliveries (created_at, id);

CREATE TABLE attempts (
    delivery_id uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    outcome     text,
    provider_id text,
    error       text,
    PRIMARY KEY (delivery_id, number)
);
