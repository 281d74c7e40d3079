-- name: request_round
-- An operator's request; parts may have arrived before it. Its moment is before whatever this transaction wants of stores:
-- a read that begins later answers for it.
INSERT INTO push.round AS r (round_id, business_id, connection_id, requested_at) VALUES ($1, $2, $3, now())
ON CONFLICT (round_id) DO UPDATE SET requested_at = coalesce(r.requested_at, EXCLUDED.requested_at);

-- name: note_parts
-- Parts of rounds, each in the transaction that marks its listings due.
WITH parts AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[])
        AS p (round_id, business_id, connection_id, part, parts)
), rounds AS (
    INSERT INTO push.round AS r (round_id, business_id, connection_id, parts)
    SELECT DISTINCT ON (round_id) round_id, business_id, connection_id, parts FROM parts ORDER BY round_id
    ON CONFLICT (round_id) DO UPDATE SET parts = EXCLUDED.parts
    RETURNING round_id
)
INSERT INTO push.round_part (round_id, part)
SELECT parts.round_id, parts.part FROM parts JOIN rounds USING (round_id)
ORDER BY parts.round_id, parts.part
ON CONFLICT DO NOTHING;

-- name: wake_rounds
-- Heard by every replica when the transaction commits.
SELECT pg_notify('prokip_push_round', '');

-- name: rounds_under_way
-- Whether there is anything to watch.
SELECT EXISTS (SELECT FROM push.round WHERE ended_at IS NULL);

-- name: open_rounds
-- Rounds under way, oldest first; locked, so that one replica ends each.
SELECT r.round_id, r.business_id, r.connection_id, r.requested_at, r.parts, r.begun_at, now() AS looked_at,
    (SELECT count(*) FROM push.round_part p WHERE p.round_id = r.round_id) AS arrived
FROM push.round r
WHERE r.ended_at IS NULL
ORDER BY r.begun_at
LIMIT 50
FOR UPDATE OF r SKIP LOCKED;

-- name: round_connections
-- How far each connection in a round's scope is. $3: when the round was requested.
SELECT w.connection_id, w.active, w.health, w.health_detail, c.error AS catalogue_error,
    w.last_attempt_at >= $3 AS attempted,
    EXISTS (
        SELECT FROM push.first_quantities f WHERE f.connection_id = w.connection_id AND f.state IN ('held', 'refused')
    ) AS held,
    w.platform = 'custom' OR coalesce(c.tried_at >= $3, false) AS catalogue_tried,
    (
        SELECT count(*) FROM push.listing l
        WHERE w.writable AND l.connection_id = w.connection_id AND l.due_at <= clock_timestamp()
    ) AS due,
    (
        SELECT count(*) FROM push.listing l
        WHERE l.connection_id = w.connection_id AND l.state = 'matched' AND l.target IS NOT NULL
    ) AS listings
FROM push.connection_work w
LEFT JOIN push.catalogue_read c USING (connection_id)
WHERE w.business_id = $1 AND ($2::bigint IS NULL OR w.connection_id = $2)
ORDER BY w.connection_id;

-- name: end_round
-- Its parts are of no more use.
WITH parts AS (DELETE FROM push.round_part WHERE round_id = $1)
UPDATE push.round SET ended_at = clock_timestamp() WHERE round_id = $1;

-- name: prune_rounds
-- Ended rounds, and their stragglers.
DELETE FROM push.round WHERE round_id IN (
    SELECT round_id FROM push.round WHERE ended_at < now() - $1::double precision * interval '1 day' LIMIT $2
);
