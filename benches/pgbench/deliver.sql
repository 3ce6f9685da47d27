-- The statements by which a courier claims and settles a lot of deliveries, without a courier: limit of the drain.
BEGIN;
SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true);
WITH first AS (
    SELECT delivery_id FROM outstanding
    WHERE channel = 'email' AND status IN ('pending', 'retrying') AND lease_until IS NULL AND next_at <= now()
      AND class = 'transactional'
    ORDER BY next_at, delivery_id LIMIT :lot FOR UPDATE SKIP LOCKED)
SELECT coalesce(array_agg(delivery_id), '{}')::text AS ids FROM first \gset
SELECT sum(length(content::text)), sum(length(subject)), sum(length(address)), sum(attempt), count(*) FILTER
    (WHERE EXISTS (SELECT 1 FROM deliveries s WHERE s.status = 'standby' AND s.event_id = d.event_id
      AND s.rule_id = d.rule_id AND s.user_id = d.user_id))
  FROM deliveries d WHERE id = ANY(:ids::uuid[]);
SELECT count(p.user_id), count(s.cause), count(u.time_zone), count(a.id)
  FROM unnest(:ids::uuid[]) AS v(id) JOIN deliveries d ON d.id = v.id JOIN users u ON u.id = d.user_id
  LEFT JOIN preferences p ON p.user_id = u.id
  LEFT JOIN suppressions s ON s.channel = 'email' AND s.address = d.address
  LEFT JOIN addresses a ON a.channel = 'email' AND a.address = d.address AND a.user_id = u.id AND a.ended_at IS NULL;
UPDATE outstanding SET attempt = 1, provider = 'null', claimed_at = now(), lease_until = now() + interval '1 minute'
  FROM unnest(:ids::uuid[]) AS v(id) WHERE delivery_id = v.id;
COMMIT;
BEGIN;
DELETE FROM outstanding WHERE lease_until IS NOT NULL
  AND (delivery_id, attempt) IN (SELECT id, 1 FROM unnest(:ids::uuid[]) AS v(id));
UPDATE deliveries SET status = 'sent', attempt = 1, provider_id = NULL, last_error = NULL, sent_at = now(),
    updated_at = now(), provider = 'null', next_provider = NULL, rounds = rounds + 0, reason = NULL
  FROM unnest(:ids::uuid[]) AS v(id) WHERE deliveries.id = v.id;
INSERT INTO attempts (delivery_id, number, started_at, finished_at, outcome, provider)
  SELECT id, 1, now(), now(), 'sent', 'null' FROM unnest(:ids::uuid[]) AS v(id);
COMMIT;
