-- So many bookings that are over, behind the experts and clients of the run that has just been invited:
-- `psql -v past=1000000`. Archived, as the sweep leaves them, half an hour each, back from a year ago.

WITH expert AS (
    SELECT user_id, row_number() OVER (ORDER BY user_id DESC) - 1 AS place
    FROM experts JOIN users ON users.id = user_id WHERE email LIKE 'expert%-%' ORDER BY user_id DESC LIMIT 50
), client AS (
    SELECT id, row_number() OVER (ORDER BY id DESC) - 1 AS place
    FROM users WHERE email LIKE 'client%-%' ORDER BY id DESC LIMIT 100
)
INSERT INTO bookings (id, code, status, expert_id, client_id, starts_at, ends_at, time_zone, wall_start, mode,
                      sequence, version, created_at, updated_at, confirmed_at, archived_at)
SELECT gen_random_uuid(), (n % 1000000)::text, 'completed', expert.user_id, client.id, start, start + interval '30 min',
       'UTC', to_char(start, 'YYYY-MM-DD"T"HH24:MI'), 'online', 1, 2, start, start, start, start + interval '31 days'
FROM generate_series(1, :past) AS n
JOIN expert ON expert.place = n % 50
JOIN client ON client.place = n % 100
CROSS JOIN LATERAL (SELECT now() - interval '1 year' - make_interval(mins => 30 * (n / 50)) AS start) AS at;
ANALYZE bookings;
