-- What those who wait were told of their wait. How long it was in the end stands with the visit.
CREATE TABLE visit_estimates (
    visit_id    uuid NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    told_at     timestamptz NOT NULL,
    ahead       bigint NOT NULL,
    -- Seconds from then until the call, in half of all cases and in nine of ten; none where it may not come to it.
    p50_seconds bigint,
    p90_seconds bigint,
    PRIMARY KEY (visit_id, told_at)
);
