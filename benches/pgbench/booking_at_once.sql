-- The same write as booking.sql in a single statement: one round trip, the most that PostgreSQL can do for one
-- booking at a time. Options as there.
\set k :k + 1
\set n 16 * :k + :client_id
\set expert :n % :experts
\set client :experts + :n % :clients
\set minute 15 * (:n / :experts)
WITH booking AS (
INSERT INTO bookings (id, code, status, expert_id, client_id, starts_at, ends_at, time_zone, wall_start, mode,
                      sequence, version, created_at, updated_at, confirmed_at)
VALUES (('01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, :n::text, 'confirmed',
        ('01900000-0000-7000-8000-' || lpad(to_hex(:expert::bigint), 12, '0'))::uuid,
        ('01900000-0000-7000-8000-' || lpad(to_hex(:client::bigint), 12, '0'))::uuid,
        timestamptz '2030-01-01 00:00Z' + make_interval(mins => :minute::int),
        timestamptz '2030-01-01 00:15Z' + make_interval(mins => :minute::int),
        'UTC', '2030-01-01T00:00', 'online', 0, 1, now(), now(), now())
),
taken AS (
INSERT INTO occupancies (source_id, subject_id, starts_at, ends_at, kind)
VALUES (('01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid,
        ('01900000-0000-7000-8000-' || lpad(to_hex(:expert::bigint), 12, '0'))::uuid,
        timestamptz '2030-01-01 00:00Z' + make_interval(mins => :minute::int),
        timestamptz '2030-01-01 00:15Z' + make_interval(mins => :minute::int), 'booking'),
       (('01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid,
        ('01900000-0000-7000-8000-' || lpad(to_hex(:client::bigint), 12, '0'))::uuid,
        timestamptz '2030-01-01 00:00Z' + make_interval(mins => :minute::int),
        timestamptz '2030-01-01 00:15Z' + make_interval(mins => :minute::int), 'booking')
ON CONFLICT DO NOTHING
),
told AS (
INSERT INTO booking_history (id, booking_id, version, at, actor_id, actor_name, actor_role, event, to_status,
                             changes)
VALUES (('01920000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid,
        ('01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, 1, now(),
        ('01900000-0000-7000-8000-' || lpad(to_hex(:client::bigint), 12, '0'))::uuid, 'Person', 'user',
        'booking.created', 'confirmed', '{}')
),
event AS (
INSERT INTO events (id, type, source, subject, subject_version, time, data)
VALUES (('01930000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, 'booking.created', '/belfry',
        'booking/01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'), 1, now(),
        jsonb_build_object('booking_id', :n::bigint, 'code', '123456', 'status', 'confirmed', 'starts_at', now(),
                           'ends_at', now(), 'time_zone', 'UTC', 'mode', 'online', 'sequence', 0,
                           'expert', jsonb_build_object('id', :expert::bigint, 'name', 'Person'),
                           'client', jsonb_build_object('id', :client::bigint, 'name', 'Person'),
                           'actor_id', :client::bigint, 'actor_name', 'Person', 'actor_role', 'user'))
)
INSERT INTO reminders (booking_id, offset_minutes, starts_at, due_at)
VALUES (('01910000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid, 60,
        timestamptz '2030-01-01 00:00Z' + make_interval(mins => :minute::int),
        timestamptz '2029-12-31 23:00Z' + make_interval(mins => :minute::int));
