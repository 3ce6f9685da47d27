-- Bookings, and the one table in which time is taken.

CREATE TABLE bookings (
    id            BLOB PRIMARY KEY,
    code          TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN
        ('pending', 'confirmed', 'in_progress', 'rejected', 'cancelled', 'completed', 'missed')),
    expert_id     BLOB NOT NULL REFERENCES experts (user_id),
    client_id     BLOB NOT NULL REFERENCES users (id),
    starts_at     TEXT NOT NULL,
    ends_at       TEXT NOT NULL CHECK (ends_at > starts_at),
    -- The promise as it was made, for the day the zone's rules change.
    time_zone     TEXT NOT NULL,
    wall_start    TEXT NOT NULL,
    mode          TEXT NOT NULL CHECK (mode IN ('online', 'offline')),
    place         TEXT,
    link          TEXT,
    note          TEXT,
    reason        TEXT,
    -- iCalendar SEQUENCE of the last invitation.
    sequence      INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    confirmed_at  TEXT,
    archived_at   TEXT
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
    source_id  BLOB NOT NULL,
    subject_id BLOB NOT NULL,
    starts_at  TEXT NOT NULL,
    ends_at    TEXT NOT NULL CHECK (ends_at > starts_at),
    kind       TEXT NOT NULL CHECK (kind IN ('booking', 'hold', 'service')),
    expires_at TEXT,
    PRIMARY KEY (source_id, subject_id)
);
-- What EXCLUDE does on PostgreSQL. Timestamps are written in UTC by one hand and compare as text.
CREATE TRIGGER occupancies_no_overlap_insert BEFORE INSERT ON occupancies
WHEN EXISTS (SELECT 1 FROM occupancies o
             WHERE o.subject_id = NEW.subject_id
               AND o.ends_at > NEW.starts_at AND o.starts_at < NEW.ends_at)
BEGIN
    SELECT RAISE(ABORT, 'occupancies_no_overlap');
END;
CREATE TRIGGER occupancies_no_overlap_update BEFORE UPDATE OF subject_id, starts_at, ends_at ON occupancies
WHEN EXISTS (SELECT 1 FROM occupancies o
             WHERE o.subject_id = NEW.subject_id
               AND o.ends_at > NEW.starts_at AND o.starts_at < NEW.ends_at
               AND NOT (o.source_id = OLD.source_id AND o.subject_id = OLD.subject_id))
BEGIN
    SELECT RAISE(ABORT, 'occupancies_no_overlap');
END;
CREATE INDEX occupancies_by_subject ON occupancies (subject_id, ends_at);
CREATE INDEX occupancies_expiring ON occupancies (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE holds (
    id         BLOB PRIMARY KEY,
    expert_id  BLOB NOT NULL,
    client_id  BLOB NOT NULL,
    starts_at  TEXT NOT NULL,
    ends_at    TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX holds_by_client ON holds (client_id);
CREATE INDEX holds_expiring ON holds (expires_at);

CREATE TABLE booking_history (
    id          BLOB PRIMARY KEY,
    booking_id  BLOB NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    at          TEXT NOT NULL,
    actor_id    BLOB,
    actor_name  TEXT NOT NULL,
    actor_role  TEXT NOT NULL,
    event       TEXT NOT NULL,
    from_status TEXT,
    to_status   TEXT NOT NULL,
    reason      TEXT,
    changes     TEXT NOT NULL,
    CONSTRAINT booking_history_step UNIQUE (booking_id, version)
);

-- One row per booking, offset and promised start; issued_at says that it has been announced.
CREATE TABLE reminders (
    booking_id     BLOB NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    offset_minutes INTEGER NOT NULL,
    starts_at      TEXT NOT NULL,
    due_at         TEXT NOT NULL,
    issued_at      TEXT,
    PRIMARY KEY (booking_id, offset_minutes, starts_at)
);
CREATE INDEX reminders_due ON reminders (due_at) WHERE issued_at IS NULL;

CREATE TABLE reviews (
    booking_id BLOB PRIMARY KEY REFERENCES bookings (id) ON DELETE CASCADE,
    expert_id  BLOB NOT NULL,
    client_id  BLOB NOT NULL,
    stars      INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    text       TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX reviews_by_expert ON reviews (expert_id, created_at, booking_id);
