-- Waiting lists: who waits for a place with an expert, and the slot that is held for them alone.

CREATE TABLE waiting_list (
    id               uuid PRIMARY KEY,
    status           text NOT NULL CHECK (status IN
        ('waiting', 'offered', 'accepted', 'declined', 'expired', 'left')),
    expert_id        uuid NOT NULL REFERENCES experts (user_id),
    client_id        uuid NOT NULL REFERENCES users (id),
    minutes          bigint NOT NULL,
    -- The first and the last date, on the calendar of time_zone.
    from_date        date NOT NULL,
    until_date       date NOT NULL,
    -- On the clock of time_zone, HH:MM.
    earliest         text,
    latest           text,
    time_zone        text NOT NULL,
    -- The beginning of the first date and the end of the last.
    opens_at         timestamptz NOT NULL,
    closes_at        timestamptz NOT NULL,
    mode             text NOT NULL CHECK (mode IN ('online', 'offline')),
    note             text,
    -- The last offer. While it stands, the hold takes the expert's time.
    hold_id          uuid,
    offer_starts_at  timestamptz,
    offer_ends_at    timestamptz,
    offer_expires_at timestamptz,
    booking_id       uuid,
    joined_at        timestamptz NOT NULL,
    ended_at         timestamptz,
    version          bigint NOT NULL,
    CONSTRAINT waiting_list_dates CHECK (from_date <= until_date),
    CONSTRAINT waiting_list_offer CHECK (status <> 'offered' OR (hold_id IS NOT NULL AND offer_expires_at IS NOT NULL))
);
-- Whose turn it is.
CREATE INDEX waiting_list_turns ON waiting_list (expert_id, joined_at, id) WHERE status = 'waiting';
CREATE INDEX waiting_list_closing ON waiting_list (closes_at) WHERE status = 'waiting';
CREATE INDEX waiting_list_expiring ON waiting_list (offer_expires_at) WHERE status = 'offered';
CREATE UNIQUE INDEX waiting_list_holds ON waiting_list (hold_id) WHERE status = 'offered';
CREATE INDEX waiting_list_by_client ON waiting_list (client_id, joined_at, id);
CREATE INDEX waiting_list_by_expert ON waiting_list (expert_id, joined_at, id);

CREATE TABLE waiting_history (
    waiting_id uuid NOT NULL REFERENCES waiting_list (id) ON DELETE CASCADE,
    version    bigint NOT NULL,
    at         timestamptz NOT NULL,
    actor_id   uuid,
    actor_name text NOT NULL,
    actor_role text NOT NULL,
    status     text NOT NULL,
    -- Of the slot that was offered with this step.
    starts_at  timestamptz,
    PRIMARY KEY (waiting_id, version)
);

-- A hold that is an offer.
ALTER TABLE holds ADD COLUMN waiting_id uuid;
CREATE INDEX holds_offered ON holds (expert_id, starts_at) WHERE waiting_id IS NOT NULL;

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('waitlist.joined.expert', 1, true, '{"on": "waitlist.joined", "audience": "expert", "condition": null, "kind": "waitlist.joined", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": [], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "waiting_list", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('waitlist.offered.client', 1, true, '{"on": "waitlist.offered", "audience": "client", "condition": null, "kind": "waitlist.offered", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": ["email"], "fallback": ["sms"], "delay_minutes": 0, "calendar": null, "page": "waiting_list", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('waitlist.expired.client', 1, true, '{"on": "waitlist.expired", "audience": "client", "condition": null, "kind": "waitlist.expired", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "another_time", "enabled": true}', '2026-11-26T00:00:00+00:00');
UPDATE versions SET version = version + 1 WHERE name = 'rules';
