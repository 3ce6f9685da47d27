-- Whom a branch gave a booking to, and everybody who could have had it, in order, with the parts of their scores.

CREATE TABLE assignments (
    booking_id uuid PRIMARY KEY REFERENCES bookings (id) ON DELETE CASCADE,
    branch_id  uuid NOT NULL REFERENCES branches (id),
    expert_id  uuid NOT NULL,
    strategy   text NOT NULL CHECK (strategy IN ('smart', 'round_robin', 'least_loaded')),
    skill      text,
    -- How many others were asked before, and had been taken meanwhile.
    attempt    bigint NOT NULL,
    candidates jsonb NOT NULL,
    decided_at timestamptz NOT NULL
);
CREATE INDEX assignments_by_expert ON assignments (expert_id, decided_at);
