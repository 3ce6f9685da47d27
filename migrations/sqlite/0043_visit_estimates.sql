-- What those who wait were told of their wait. How long it was in the end stands with the visit.
CREATE TABLE visit_estimates (
    visit_id    BLOB NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    told_at     TEXT NOT NULL,
    ahead       INTEGER NOT NULL,
    -- Seconds from then until the call, in half of all cases and in nine of ten; none where it may not come to it.
    p50_seconds INTEGER,
    p90_seconds INTEGER,
    PRIMARY KEY (visit_id, told_at)
);
