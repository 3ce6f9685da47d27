-- Calendars that experts keep elsewhere, and the busy time that was read from them.

CREATE TABLE calendar_imports (
    id            BLOB PRIMARY KEY,
    expert_id     BLOB NOT NULL REFERENCES experts (user_id) ON DELETE CASCADE,
    kind          TEXT NOT NULL CHECK (kind IN ('ics', 'caldav')),
    name          TEXT NOT NULL,
    -- Where it is and how one gets in, under a key that the database does not have.
    sealed        BLOB NOT NULL,
    -- What of the address may be shown.
    host          TEXT NOT NULL,
    -- By which the server knows the state that was read last.
    mark          TEXT,
    -- When it is read next; whoever reads it moves this ahead first.
    next_at       TEXT NOT NULL,
    -- In a row.
    failures      INTEGER NOT NULL,
    read_at       TEXT,
    failed_at     TEXT,
    fault         TEXT,
    events        INTEGER NOT NULL,
    odd           INTEGER NOT NULL,
    created_at    TEXT NOT NULL,
    version       INTEGER NOT NULL
);
CREATE INDEX calendar_imports_by_expert ON calendar_imports (expert_id, id);
CREATE INDEX calendar_imports_due ON calendar_imports (next_at);

-- Stretches of one import are in order and apart; a reading replaces them all.
CREATE TABLE imported_busy (
    import_id BLOB NOT NULL REFERENCES calendar_imports (id) ON DELETE CASCADE,
    expert_id BLOB NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at   TEXT NOT NULL CHECK (ends_at > starts_at),
    PRIMARY KEY (import_id, starts_at)
);
CREATE INDEX imported_busy_by_expert ON imported_busy (expert_id, ends_at);

-- Bookings on which such time falls. Each is told of once for the time that it has.
CREATE TABLE calendar_conflicts (
    import_id  BLOB NOT NULL REFERENCES calendar_imports (id) ON DELETE CASCADE,
    booking_id BLOB NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    starts_at  TEXT NOT NULL,
    found_at   TEXT NOT NULL,
    PRIMARY KEY (import_id, booking_id, starts_at)
);
CREATE INDEX calendar_conflicts_by_booking ON calendar_conflicts (booking_id);

-- Whose public holidays an expert takes off.
CREATE TABLE expert_holidays (
    expert_id BLOB PRIMARY KEY REFERENCES experts (user_id) ON DELETE CASCADE,
    country   TEXT NOT NULL
);

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('calendar.conflict.expert', 1, TRUE, '{"on": "calendar.conflict", "audience": "expert", "condition": null, "kind": "calendar.conflict", "category": "booking", "class": "service", "critical": false, "inbox": true, "channels": ["email", "telegram", "push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "booking", "enabled": true}', '2026-11-26T00:00:00+00:00');
