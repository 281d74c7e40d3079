-- name: start_subscription_checks
-- Connecting has just made the webhooks, so the first look comes after $2 seconds.
INSERT INTO push.subscription_check (connection_id, due_at)
SELECT w.connection_id, now() + $2::double precision * interval '1 second'
FROM push.connection_work w
WHERE w.connection_id = ANY($1::bigint[]) AND w.platform <> 'custom'
ORDER BY w.connection_id
ON CONFLICT (connection_id) DO NOTHING;

-- name: want_subscription_checks
-- Something about these stores has changed: their webhooks are looked at now, and once more where somebody is at it.
UPDATE push.subscription_check SET due_at = clock_timestamp() WHERE connection_id = ANY($1::bigint[]);

-- name: next_subscription_check_in_s
-- How long until a store's webhooks are to be looked at; NULL: none.
SELECT extract(epoch FROM min(due_at) - now())::double precision FROM push.subscription_check;

-- name: lock_subscription_check
-- One store whose webhooks are to be looked at and that nobody looks after; held until the transaction ends. No row lock,
-- as in lock_catalogue.
SELECT one.connection_id FROM (
    SELECT s.connection_id
    FROM push.subscription_check s JOIN push.connection_work w USING (connection_id)
    WHERE s.due_at <= now()
    ORDER BY s.due_at
    OFFSET 0
) one
WHERE pg_try_advisory_xact_lock(hashtextextended('push.subscription', one.connection_id))
LIMIT 1;

-- name: claim_subscription_check
-- The locked one as it is now: whoever held it before may have looked meanwhile.
SELECT s.connection_id, w.business_id, s.consecutive_failures, s.due_at
FROM push.subscription_check s JOIN push.connection_work w USING (connection_id)
WHERE s.connection_id = $1 AND s.due_at <= now();

-- name: subscription_check_done
-- All is well, or is again: $3 are the topics that had to be restored. $4: since when the look was due; it is due again if
-- it was wanted meanwhile.
UPDATE push.subscription_check SET
    due_at = CASE WHEN due_at = $4 THEN now() + $2::double precision * interval '1 second' ELSE due_at END,
    consecutive_failures = 0, checked_at = now(),
    restored_at = CASE WHEN cardinality($3::text[]) > 0 THEN now() ELSE restored_at END,
    restored_topics = CASE WHEN cardinality($3::text[]) > 0 THEN $3 ELSE restored_topics END, error = NULL
WHERE connection_id = $1;

-- name: subscription_check_failed
-- Looked at again after a pause, or at once if it was wanted meanwhile; $4 as above.
UPDATE push.subscription_check SET
    due_at = CASE WHEN due_at = $4 THEN now() + $2::double precision * interval '1 second' ELSE due_at END,
    consecutive_failures = consecutive_failures + 1,
    error = $3
WHERE connection_id = $1;
