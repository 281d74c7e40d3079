-- name: bind
-- From now on the queue takes every bundle of the type.
INSERT INTO bus.binding (type, queue) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: send
-- Copies each bundle to its queues, wakes each queue once, and tells which bundles found one.
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::integer[])
        AS bundle (bundle_id, type, queue, body, messages, attempts)
), routed AS (
    INSERT INTO bus.message (queue, bundle_id, type, body, messages, attempts)
    SELECT binding.queue, given.bundle_id, given.type, given.body, given.messages, given.attempts
    FROM given
    JOIN bus.binding AS binding
        ON CASE WHEN given.queue IS NULL THEN binding.type = given.type ELSE binding.queue = given.queue END
    RETURNING queue, bundle_id
), woken AS (
    SELECT pg_notify('prokip_bus', queue) FROM (SELECT DISTINCT queue FROM routed) AS queues
)
SELECT DISTINCT bundle_id FROM routed, (SELECT count(*) FROM woken) AS done;

-- name: take
-- The oldest bundles of a queue that nobody has, for $3 seconds, to the taker $4. SKIP LOCKED, so that takers never wait for each
-- other; the count is committed before the work begins. ARRAY, because the planner may run a subquery of IN again and
-- again, and each run would take further rows. Neither this nor `settle` waits for the disk: what a crash of the server
-- forgets is taken once more, and the inbox knows it. Index: message_pkey.
UPDATE bus.message
SET leased_until = now() + make_interval(secs => $3), deliveries = deliveries + 1, taken_by = $4
WHERE queue = $1 AND id = ANY (ARRAY(
    SELECT id FROM bus.message WHERE queue = $1 AND leased_until <= now() ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
)) AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
RETURNING id, bundle_id, type, body, messages, attempts, deliveries;

-- name: extend
-- The taker still lives.
UPDATE bus.message SET leased_until = now() + make_interval(secs => $3) WHERE queue = $1 AND id = ANY ($2::bigint[]);

-- name: settle
-- Done.
DELETE FROM bus.message
WHERE queue = $1 AND id = ANY ($2::bigint[]) AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off';

-- name: release
-- Given back undone, which is no failure; another taker is woken.
WITH released AS (
    UPDATE bus.message SET leased_until = '-infinity', deliveries = deliveries - 1
    WHERE queue = $1 AND id = ANY ($2::bigint[])
    RETURNING queue
)
SELECT pg_notify('prokip_bus', queue) FROM released LIMIT 1;

-- name: give_back_lost
-- A taker's bundles of which it does not know: the answer to a take or a settle was cut off. The taker lives, so this is
-- no failure either.
UPDATE bus.message SET leased_until = '-infinity', deliveries = deliveries - 1
WHERE queue = $1 AND taken_by = $2 AND leased_until > now() AND id <> ALL ($3::bigint[]);

-- name: ping
-- The listener asks it now and then: a server that vanished without a word is noticed so.
SELECT 1;
