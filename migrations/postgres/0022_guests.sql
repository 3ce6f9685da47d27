-- Visitors who book without an account are people without a password. Their address is kept apart, so that it may
-- belong to an account, too: neither learns of the other. Their email is 'guest:' and the address, which is no address.
ALTER TABLE users ADD COLUMN guest_email TEXT;
CREATE INDEX users_guests ON users (updated_at) WHERE guest_email IS NOT NULL;

-- What a guest said of themselves with this booking. Nobody has proved it.
ALTER TABLE bookings ADD COLUMN guest_name TEXT;
ALTER TABLE bookings ADD COLUMN guest_phone TEXT;
