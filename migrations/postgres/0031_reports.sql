-- What reports read instead of every booking there ever was, and what is needed to forget a person.

-- A row per ISO week (its Monday, on the expert's clock) and expert, made anew whenever a booking of the week changed.
CREATE TABLE weekly_bookings (
    week           date NOT NULL,
    expert_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    branch_id      uuid,
    pending        bigint NOT NULL,
    confirmed      bigint NOT NULL,
    in_progress    bigint NOT NULL,
    rejected       bigint NOT NULL,
    cancelled      bigint NOT NULL,
    completed      bigint NOT NULL,
    missed         bigint NOT NULL,
    -- Of those that took the expert's time, or will.
    booked_minutes bigint NOT NULL,
    PRIMARY KEY (week, expert_id)
);
CREATE INDEX weekly_bookings_by_branch ON weekly_bookings (branch_id, week);
CREATE INDEX weekly_bookings_by_expert ON weekly_bookings (expert_id, week);

ALTER TABLE users ADD COLUMN erased_at timestamptz;
