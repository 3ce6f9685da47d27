-- Bookings, and the one table in which time is taken.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE bookings (
    id            uuid PRIMARY KEY,
    code          text NOT NULL,
    status        text NOT NULL CHECK (status IN
        ('pending', 'confirmed', 'in_progress', 'rejected', 'cancelled', 'completed', 'missed')),
    expert_id     uuid NOT NULL REFERENCES experts (user_id),
    client_id     uuid NOT NULL REFERENCES users (id),
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL CHECK (ends_at > starts_at),
    -- The promise as it was made, for the day the zone's rules change.
    time_zone     text NOT NULL,
    wall_start    text NOT NULL,
    mode          text NOT NULL CHECK (mode IN ('online', 'offline')),
    place         text,
    link          text,
    note          text,
    reason        text,
    -- iCalendar SEQUENCE of the last invitation.
    sequence      bigint NOT NULL,
    version       bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    confirmed_at  timestamptz,
    archived_at   timestamptz
);
-- A code is free again once its booking is archived.
CREATE UNIQUE INDEX bookings_code ON bookings (code) WHERE archived_at IS NULL;
CREATE INDEX bookings_by_client ON bookings (client_id, starts_at, id);
CREATE INDEX bookings_by_expert ON bookings (expert_id, starts_at, id);
CREATE INDEX bookings_by_start ON bookings (starts_at, id);
CREATE INDEX bookings_pending_by_start ON bookings (starts_at) WHERE status = 'pending';
CREATE INDEX bookings_ended_unarchived ON bookings (ends_at)
    WHERE archived_at IS NULL AND status IN ('rejected', 'cancelled', 'completed', 'missed');

-- A row per person per stretch. An expert's stretch has the buffers inside; a client's has none.
-- source_id is the booking or the hold that took the time.
CREATE TABLE occupancies (
    source_id  uuid NOT NULL,
    subject_id uuid NOT NULL,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    kind       text NOT NULL CHECK (kind IN ('booking', 'hold', 'service')),
    expires_at timestamptz,
    PRIMARY KEY (source_id, subject_id),
    CONSTRAINT occupancies_no_overlap
        EXCLUDE USING gist (subject_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
);
CREATE INDEX occupancies_by_subject ON occupancies (subject_id, ends_at);
CREATE INDEX occupancies_expiring ON occupancies (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE holds (
    id         uuid PRIMARY KEY,
    expert_id  uuid NOT NULL,
    client_id  uuid NOT NULL,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX holds_by_client ON holds (client_id);
CREATE INDEX holds_expiring ON holds (expires_at);

CREATE TABLE booking_history (
    id          uuid PRIMARY KEY,
    booking_id  uuid NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    version     bigint NOT NULL,
    at          timestamptz NOT NULL,
    actor_id    uuid,
    actor_name  text NOT NULL,
    actor_role  text NOT NULL,
    event       text NOT NULL,
    from_status text,
    to_status   text NOT NULL,
    reason      text,
    changes     jsonb NOT NULL,
    CONSTRAINT booking_history_step UNIQUE (booking_id, version)
);

-- One row per booking, offset and promised start; issued_at says that it has been announced.
CREATE TABLE reminders (
    booking_id     uuid NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    offset_minutes bigint NOT NULL,
    starts_at      timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    issued_at      timestamptz,
    PRIMARY KEY (booking_id, offset_minutes, starts_at)
);
CREATE INDEX reminders_due ON reminders (due_at) WHERE issued_at IS NULL;

CREATE TABLE reviews (
    booking_id uuid PRIMARY KEY REFERENCES bookings (id) ON DELETE CASCADE,
    expert_id  uuid NOT NULL,
    client_id  uuid NOT NULL,
    stars      bigint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    text       text,
    created_at timestamptz NOT NULL
);
CREATE INDEX reviews_by_expert ON reviews (expert_id, created_at, booking_id);
