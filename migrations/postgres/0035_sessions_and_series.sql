-- Group sessions: time that an expert offers to several people at once, and series of bookings that repeat.

-- The expert's time is taken once, by an occupancy whose source is the session; a seat is a booking that takes its
-- client's time alone.
CREATE TABLE group_sessions (
    id           uuid PRIMARY KEY,
    expert_id    uuid NOT NULL REFERENCES experts (user_id),
    title        text NOT NULL,
    description  text,
    status       text NOT NULL CHECK (status IN ('open', 'cancelled')),
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL CHECK (ends_at > starts_at),
    time_zone    text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('online', 'offline')),
    place        text,
    link         text,
    seats        bigint NOT NULL,
    -- Seats that are booked, and those that are held for somebody on the waiting list.
    taken        bigint NOT NULL,
    auto_confirm boolean NOT NULL,
    -- Why it was called off.
    reason       text,
    -- Rises with what staff change, not with each seat.
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT group_sessions_seats CHECK (seats BETWEEN 1 AND 500 AND taken BETWEEN 0 AND seats)
);
CREATE INDEX group_sessions_by_expert ON group_sessions (expert_id, starts_at, id);

ALTER TABLE bookings ADD COLUMN session_id uuid REFERENCES group_sessions (id);
CREATE INDEX bookings_by_session ON bookings (session_id, id) WHERE session_id IS NOT NULL;
-- Who waits for a seat of it, and the seat that is held for them.
ALTER TABLE waiting_list ADD COLUMN session_id uuid REFERENCES group_sessions (id);
CREATE INDEX waiting_list_by_session ON waiting_list (session_id) WHERE session_id IS NOT NULL;
ALTER TABLE holds ADD COLUMN session_id uuid REFERENCES group_sessions (id);

-- What repeats, as it was asked for. Each of its bookings is one of its own.
CREATE TABLE series (
    id         uuid PRIMARY KEY,
    expert_id  uuid NOT NULL REFERENCES experts (user_id),
    client_id  uuid NOT NULL REFERENCES users (id),
    -- The RRULE (RFC 5545), counted on the clock of time_zone.
    rule       text NOT NULL,
    time_zone  text NOT NULL,
    starts_at  timestamptz NOT NULL,
    minutes    bigint NOT NULL,
    -- Bookings that were made of it.
    made       bigint NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX series_by_client ON series (client_id, id);

ALTER TABLE bookings ADD COLUMN series_id uuid REFERENCES series (id);
-- Which of them, from 1.
ALTER TABLE bookings ADD COLUMN series_number bigint;
CREATE UNIQUE INDEX bookings_by_series ON bookings (series_id, series_number) WHERE series_id IS NOT NULL;
