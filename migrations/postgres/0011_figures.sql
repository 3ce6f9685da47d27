-- What is counted for the figures of the house is counted on these, whatever else the tables hold.

CREATE INDEX deliveries_unsent ON deliveries (channel, status) WHERE status IN ('dead', 'ambiguous');
CREATE INDEX idempotency_keys_running ON idempotency_keys (locked_until) WHERE status IS NULL;
