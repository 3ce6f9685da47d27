-- How much of the experts' open hours is booked, by branch, over this many dates from today: what the full sweep worked
-- out last, so that no figure of it is ever counted while somebody waits for the answer.
CREATE TABLE branch_utilisation (
    branch_id      UUID NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    days           BIGINT NOT NULL,
    booked_minutes BIGINT NOT NULL,
    open_minutes   BIGINT NOT NULL,
    measured_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (branch_id, days)
);

-- Who had been asked before, in order, and had just been taken.
ALTER TABLE assignments ADD COLUMN passed_on JSONB NOT NULL DEFAULT '[]';
