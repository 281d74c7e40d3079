-- name: start_sweeps
-- Rows for connections that were made; what changed since the connection is swept at once.
WITH started AS (
    INSERT INTO push.sweep (connection_id, connected_at, swept_to, due_at)
    SELECT w.connection_id, n.connected_at, n.connected_at, now()
    FROM unnest($1::bigint[], $2::timestamptz[]) AS n (connection_id, connected_at)
    JOIN push.connection_work w USING (connection_id)
    WHERE w.platform <> 'custom'
    ORDER BY w.connection_id
    ON CONFLICT (connection_id) DO NOTHING
    RETURNING connection_id
)
SELECT pg_notify('prokip_push_sweep', '') WHERE EXISTS (SELECT FROM started);

-- name: want_sweeps
-- As soon as possible, but no store more often than a claim allows.
WITH wanted AS (
    UPDATE push.connection_work SET sweep_wanted_at = now() WHERE connection_id = ANY($1::bigint[]) RETURNING connection_id
)
SELECT pg_notify('prokip_push_sweep', '') WHERE EXISTS (SELECT FROM wanted);

-- name: next_sweep_in_s
-- How long until a sweep is due; NULL: none. $1: seconds between two sweeps of a store at least.
SELECT extract(epoch FROM min(
    CASE
        WHEN w.sweep_wanted_at > coalesce(s.begun_at, '-infinity') AND s.consecutive_failures = 0
        THEN least(s.due_at, coalesce(s.begun_at, '-infinity') + $1::double precision * interval '1 second')
        ELSE s.due_at
    END
) - now())::double precision
FROM push.sweep s JOIN push.connection_work w USING (connection_id);

-- name: lock_sweep
-- One store that is due, or is wanted, and that nobody sweeps; held until the transaction ends. No row lock: that would give
-- the transaction a number, and while one is open no table of the whole database is rid of what changed since. A sweep
-- may last minutes, because it gives way to pushes.
SELECT one.connection_id FROM (
    SELECT s.connection_id
    FROM push.sweep s JOIN push.connection_work w USING (connection_id)
    WHERE s.due_at <= now()
        OR (
            w.sweep_wanted_at > coalesce(s.begun_at, '-infinity') AND s.consecutive_failures = 0
            AND coalesce(s.begun_at, '-infinity') <= now() - $1::double precision * interval '1 second'
        )
    ORDER BY s.due_at
    OFFSET 0 -- in this order, and no lock is asked for a store that is not due
) one
WHERE pg_try_advisory_xact_lock(hashtextextended('push.sweep', one.connection_id))
LIMIT 1;

-- name: claim_sweep
-- The locked one as it is now: whoever held it before may have ended its sweep meanwhile. Paused stores too: they go on
-- selling.
SELECT s.connection_id, w.business_id, coalesce(w.own_location_id, w.location_id) AS location_id, s.connected_at, s.swept_to, s.cursor, s.sweeping_to,
    s.consecutive_failures, s.orders, s.unreadable, s.begun_at, clock_timestamp() AS claimed_at
FROM push.sweep s JOIN push.connection_work w USING (connection_id)
WHERE s.connection_id = $2 AND (
        s.due_at <= now()
        OR (
            w.sweep_wanted_at > coalesce(s.begun_at, '-infinity') AND s.consecutive_failures = 0
            AND coalesce(s.begun_at, '-infinity') <= now() - $1::double precision * interval '1 second'
        )
    );

-- name: note_told
-- What is about to be told to the ledger, in the transaction that tells it.
INSERT INTO push.swept_order (connection_id, order_ref, told_at)
SELECT DISTINCT $1::bigint, n.order_ref, $3::timestamptz FROM unnest($2::text[]) AS n (order_ref) ORDER BY n.order_ref
ON CONFLICT DO NOTHING;

-- name: forget_counted
-- The ledger has answered for these words.
WITH counted AS (
    SELECT o.connection_id, o.order_ref, o.told_at FROM push.swept_order o
    JOIN unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS n (connection_id, order_ref, told_at)
        USING (connection_id, order_ref, told_at)
    ORDER BY o.connection_id, o.order_ref, o.told_at
    FOR UPDATE OF o
)
DELETE FROM push.swept_order o USING counted c
WHERE o.connection_id = c.connection_id AND o.order_ref = c.order_ref AND o.told_at = c.told_at;

-- name: look_at_differences
-- Those of stores that now have no word left: they waited for that, and their looks have grown rare. As a hint, so that
-- a push under way does not put the look off again; what is locked is being stored, and is looked at in its own time.
-- $2: seconds to wait.
WITH waiting AS (
    SELECT l.id FROM push.listing l
    WHERE l.connection_id = ANY($1::bigint[]) AND l.gap IS NOT NULL
        AND l.due_at > now() + $2::double precision * interval '1 second'
        AND NOT EXISTS (SELECT FROM push.swept_order o WHERE o.connection_id = l.connection_id)
    ORDER BY l.id
    FOR UPDATE OF l SKIP LOCKED
), looked_at AS (
    UPDATE push.listing l SET
        due_at = now() + $2::double precision * interval '1 second', hints = l.hints + 1, must_read = true
    FROM waiting WHERE l.id = waiting.id
    RETURNING l.id
)
SELECT pg_notify('prokip_push_due', '') WHERE EXISTS (SELECT FROM looked_at);

-- name: sweep_done
-- Complete: the next one comes by itself. What the ledger has not answered for in an hour is parked there: it is waited
-- for no longer.
WITH parked AS (
    DELETE FROM push.swept_order WHERE connection_id = $1 AND noted_at < now() - interval '1 hour'
)
UPDATE push.sweep SET
    swept_to = $2, cursor = NULL, sweeping_to = NULL, due_at = now() + $3::double precision * interval '1 second',
    consecutive_failures = 0, begun_at = $4, complete_from = $4, complete_at = clock_timestamp(), orders = $5,
    unreadable = $6, error = NULL
WHERE connection_id = $1;

-- name: sweep_paused
-- Not complete: goes on at its cursor, at once or after a failure's pause.
UPDATE push.sweep SET
    cursor = $2, sweeping_to = $3, due_at = now() + $4::double precision * interval '1 second',
    consecutive_failures = $5, begun_at = $6, orders = $7, unreadable = $8, error = $9
WHERE connection_id = $1;

-- name: last_complete_sweep
-- From when to when the store's orders were last read completely, and whether the ledger has answered for all that was
-- told of them until then.
SELECT s.complete_from, s.complete_at, NOT EXISTS (
        SELECT FROM push.swept_order o WHERE o.connection_id = s.connection_id AND o.noted_at <= s.complete_at
    ) AS counted
FROM push.sweep s WHERE s.connection_id = $1 AND s.complete_at IS NOT NULL;
