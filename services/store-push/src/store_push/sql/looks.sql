-- Looks at what stores show, in the background.

-- name: start_looks
-- For connections that are not looked at yet. Their catalogue is read at the same time, so the first look comes after $1 s.
INSERT INTO push.level_look (connection_id, due_at)
SELECT w.connection_id, now() + $1::double precision * interval '1 second'
FROM push.connection_work w
WHERE w.platform <> 'custom'
    AND NOT EXISTS (SELECT FROM push.level_look k WHERE k.connection_id = w.connection_id)
ORDER BY w.connection_id
ON CONFLICT (connection_id) DO NOTHING;

-- name: next_look_in_s
-- How long until a store is to be looked at; NULL: none.
SELECT extract(epoch FROM min(k.due_at) - now())::double precision
FROM push.level_look k JOIN push.connection_work w USING (connection_id) WHERE w.active;

-- name: lock_look
-- One store that is to be looked at and that nobody looks at; held until the transaction ends. No row lock, as in lock_sweep.
SELECT one.connection_id FROM (
    SELECT k.connection_id
    FROM push.level_look k JOIN push.connection_work w USING (connection_id)
    WHERE w.active AND k.due_at <= now()
    ORDER BY k.due_at
    OFFSET 0
) one
WHERE pg_try_advisory_xact_lock(hashtextextended('push.look', one.connection_id))
LIMIT 1;

-- name: claim_look
-- The locked one as it is now: whoever held it before may have looked meanwhile.
SELECT k.connection_id, w.business_id, k.consecutive_failures
FROM push.level_look k JOIN push.connection_work w USING (connection_id)
WHERE k.connection_id = $1 AND w.active AND k.due_at <= now();

-- name: listings_to_look_at
-- At most $3 that were neither looked at nor written for $2 seconds and that nobody is about to look at: the most sold
-- first, then those not looked at for longest. Index: listing_connection_id_item_ref_key.
SELECT id, item_ref, parent_ref, place_ref
FROM push.listing
WHERE connection_id = $1 AND state = 'matched' AND target IS NOT NULL AND due_at IS NULL
    AND coalesce(greatest(looked_at, confirmed_at), '-infinity') <= now() - $2::double precision * interval '1 second'
ORDER BY target_taken DESC, looked_at NULLS FIRST, id
LIMIT $3;

-- name: note_looked_at
-- In the order of ids, as every statement that locks listings does.
WITH locked AS (
    SELECT id FROM push.listing WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE
)
UPDATE push.listing l SET looked_at = now() FROM locked WHERE l.id = locked.id;

-- name: look_done
-- The next look comes by itself.
UPDATE push.level_look SET
    due_at = now() + $2::double precision * interval '1 second', consecutive_failures = 0, looked_at = now(),
    listings = $3, differing = $4, error = NULL
WHERE connection_id = $1;

-- name: look_failed
-- Again after a pause.
UPDATE push.level_look SET
    due_at = now() + $2::double precision * interval '1 second', consecutive_failures = consecutive_failures + 1,
    error = $3
WHERE connection_id = $1;
