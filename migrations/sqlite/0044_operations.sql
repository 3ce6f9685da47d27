-- How much of the experts' open hours is booked, by branch, over this many dates from today: what the full sweep worked
-- out last, so that no figure of it is ever counted while somebody waits for the answer.
CREATE TABLE branch_utilisation (
    branch_id      BLOB NOT NULL REFERENCES branches (id) ON DELETE CASCADE,
    days           INTEGER NOT NULL,
    booked_minutes INTEGER NOT NULL,
    open_minutes   INTEGER NOT NULL,
    measured_at    TEXT NOT NULL,
    PRIMARY KEY (branch_id, days)
);

-- Who had been asked before, in order, and had just been taken.
ALTER TABLE assignments ADD COLUMN passed_on TEXT NOT NULL DEFAULT '[]';
