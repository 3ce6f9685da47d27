-- Why the planner set an event aside; such an event has planned_at but told nobody.

ALTER TABLE events ADD COLUMN fault text;
CREATE INDEX events_parked ON events (time, id) WHERE fault IS NOT NULL;
