-- What has not come to its end, in rows as narrow as can be: the queues of the couriers, who has what in hand, and
-- what was given up or is in doubt. Taking and ending a message moves a row here, while its own row, which is wide and
-- found by many indexes, changes once, and nothing that an index holds.
CREATE TABLE outstanding (
    delivery_id BLOB PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    channel     TEXT NOT NULL,
    class       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'retrying', 'dead', 'ambiguous')),
    next_at     TEXT NOT NULL,
    -- The last claim. Somebody has it in hand as long as there is a lease.
    attempt     INTEGER,
    provider    TEXT,
    claimed_at  TEXT,
    lease_until TEXT
);
INSERT INTO outstanding (delivery_id, channel, class, status, next_at, attempt, provider, claimed_at, lease_until)
    SELECT d.id, d.channel, d.class,
        CASE WHEN d.status <> 'sending' THEN d.status WHEN d.attempt = 1 THEN 'pending' ELSE 'retrying' END, d.next_at,
        CASE WHEN d.status = 'sending' THEN d.attempt END, CASE WHEN d.status = 'sending' THEN COALESCE(a.provider, '') END,
        CASE WHEN d.status = 'sending' THEN d.updated_at END, CASE WHEN d.status = 'sending' THEN d.lease_until END
    FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempt
    WHERE d.status IN ('pending', 'sending', 'retrying', 'dead', 'ambiguous');
-- A try is on record when it has ended.
DELETE FROM attempts WHERE finished_at IS NULL;
UPDATE deliveries SET status = CASE WHEN attempt = 1 THEN 'pending' ELSE 'retrying' END, attempt = attempt - 1
    WHERE status = 'sending';

CREATE INDEX outstanding_due ON outstanding (channel, class, next_at, delivery_id)
    WHERE status IN ('pending', 'retrying') AND lease_until IS NULL;
CREATE INDEX outstanding_leased ON outstanding (channel, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX outstanding_unsent ON outstanding (channel, status) WHERE status IN ('dead', 'ambiguous');
DROP INDEX deliveries_due;
DROP INDEX deliveries_leased;
DROP INDEX deliveries_standby;
ALTER TABLE deliveries DROP COLUMN lease_until;
