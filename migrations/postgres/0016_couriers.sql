-- How often a delivery failed at every provider there was: what makes it wait longer, and finally gives it up.
ALTER TABLE deliveries ADD COLUMN rounds bigint NOT NULL DEFAULT 0;
UPDATE deliveries SET rounds = attempt WHERE status IN ('retrying', 'sending');

-- What is due at the same instant leaves in the order in which it was planned, without sorting.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (channel, class, next_at, id) WHERE status IN ('pending', 'retrying');
-- Empty, but where a way waits for another one to fail.
CREATE INDEX deliveries_standby ON deliveries (event_id, rule_id, user_id) WHERE status = 'standby';
CREATE INDEX deliveries_by_user ON deliveries (user_id, created_at, id);
