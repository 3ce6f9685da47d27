-- People for the complete write, in a database that `belfry migrate` laid out: `psql -v experts=50 -v clients=100`.

INSERT INTO users (id, email, password_hash, name, role, description, locale, time_zone, email_verified,
                   disabled, auth_epoch, version, created_at, updated_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person' || n || '@belfry.test', '',
       'Person ' || n, CASE WHEN n < :experts THEN 'expert' ELSE 'user' END, '', 'en', 'UTC', true, false,
       1, 1, now(), now()
FROM generate_series(0, :experts + :clients - 1) AS n;

INSERT INTO experts (user_id, headline, tags, time_zone, weekly, booking_rules, presence, presence_since,
                     stars_sum, review_count, version)
SELECT id, '', '[]', 'UTC', '[]', '{}', 'online', now(), 0, 0, 1 FROM users WHERE role = 'expert';
