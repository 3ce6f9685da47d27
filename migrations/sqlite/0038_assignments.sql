-- Whom a branch gave a booking to, and everybody who could have had it, in order, with the parts of their scores.

CREATE TABLE assignments (
    booking_id BLOB PRIMARY KEY REFERENCES bookings (id) ON DELETE CASCADE,
    branch_id  BLOB NOT NULL REFERENCES branches (id),
    expert_id  BLOB NOT NULL,
    strategy   TEXT NOT NULL CHECK (strategy IN ('smart', 'round_robin', 'least_loaded')),
    skill      TEXT,
    -- How many others were asked before, and had been taken meanwhile.
    attempt    INTEGER NOT NULL,
    candidates TEXT NOT NULL,
    decided_at TEXT NOT NULL
);
CREATE INDEX assignments_by_expert ON assignments (expert_id, decided_at);
