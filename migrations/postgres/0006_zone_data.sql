-- Zones change their rules. wall_start is what the clock was said to show at the start, by the zone database of the
-- release zone_data; '' came before releases were written down.

ALTER TABLE bookings ADD COLUMN zone_data text NOT NULL DEFAULT '';
-- Set while the clock shows another time than was agreed: what was agreed.
ALTER TABLE bookings ADD COLUMN promised_start text;
-- Open bookings that newer rules have not been held against.
CREATE INDEX bookings_open_by_zone_data ON bookings (zone_data)
    WHERE status IN ('pending', 'confirmed', 'in_progress');
