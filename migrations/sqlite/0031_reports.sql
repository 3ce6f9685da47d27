-- What reports read instead of every booking there ever was, and what is needed to forget a person.

-- A row per ISO week (its Monday, on the expert's clock) and expert, made anew whenever a booking of the week changed.
CREATE TABLE weekly_bookings (
    week           TEXT NOT NULL,
    expert_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    branch_id      BLOB,
    pending        INTEGER NOT NULL,
    confirmed      INTEGER NOT NULL,
    in_progress    INTEGER NOT NULL,
    rejected       INTEGER NOT NULL,
    cancelled      INTEGER NOT NULL,
    completed      INTEGER NOT NULL,
    missed         INTEGER NOT NULL,
    -- Of those that took the expert's time, or will.
    booked_minutes INTEGER NOT NULL,
    PRIMARY KEY (week, expert_id)
);
CREATE INDEX weekly_bookings_by_branch ON weekly_bookings (branch_id, week);
CREATE INDEX weekly_bookings_by_expert ON weekly_bookings (expert_id, week);

ALTER TABLE users ADD COLUMN erased_at TEXT;
