-- The statements by which a courier claims and settles a lot of deliveries, without a courier: limit of the drain.
BEGIN;
SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true);
WITH first AS (
    SELECT id FROM deliveries
    WHERE channel = 'email' AND status IN ('pending', 'retrying') AND next_at <= now() AND class = 'transactional'
    ORDER BY next_at, id LIMIT :lot FOR UPDATE SKIP LOCKED),
  taken AS (
    UPDATE deliveries SET status = 'sending', attempt = attempt + 1, lease_until = now() + interval '1 minute',
        updated_at = now()
    WHERE id = ANY(ARRAY(SELECT id FROM first))
    RETURNING id, content, subject, address,
      EXISTS (SELECT 1 FROM deliveries s WHERE s.status = 'standby' AND s.event_id = deliveries.event_id
        AND s.rule_id = deliveries.rule_id AND s.user_id = deliveries.user_id))
SELECT coalesce(array_agg(id), '{}')::text AS ids, sum(length(content::text)) FROM taken \gset
SELECT count(p.user_id), count(s.cause), count(u.time_zone), count(a.id)
  FROM unnest(:ids::uuid[]) AS v(id) JOIN deliveries d ON d.id = v.id JOIN users u ON u.id = d.user_id
  LEFT JOIN preferences p ON p.user_id = u.id
  LEFT JOIN suppressions s ON s.channel = 'email' AND s.address = d.address
  LEFT JOIN addresses a ON a.channel = 'email' AND a.address = d.address AND a.user_id = u.id AND a.ended_at IS NULL;
INSERT INTO attempts (delivery_id, number, started_at, provider) SELECT id, 1, now(), 'null'
  FROM unnest(:ids::uuid[]) AS v(id);
COMMIT;
BEGIN;
UPDATE deliveries SET status = 'sent', lease_until = NULL, provider_id = NULL, last_error = NULL, sent_at = now(),
    updated_at = now(), provider = 'null', next_provider = NULL, rounds = rounds + 0, reason = NULL
  FROM unnest(:ids::uuid[]) AS v(id) WHERE deliveries.id = v.id AND attempt = 1 AND status = 'sending';
UPDATE attempts SET finished_at = now(), outcome = 'sent', provider_id = NULL, error = NULL
  FROM unnest(:ids::uuid[]) AS v(id) WHERE delivery_id = v.id AND number = 1;
COMMIT;
