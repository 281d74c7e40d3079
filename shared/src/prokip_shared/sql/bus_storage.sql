-- name: remember_bundles
-- The bundles of a queue that this service has not applied yet. Sorted, so that two replicas that were given the
-- same bundles wait for each other instead of for ever.
INSERT INTO {schema}.inbox (queue, bundle_id)
SELECT $1, bundle_id FROM unnest($2::uuid[]) AS given (bundle_id) ORDER BY bundle_id
ON CONFLICT DO NOTHING
RETURNING bundle_id;

-- name: prune_inbox
-- Forgets bundles seen longer than $1 hours ago, at most $2 at a time.
DELETE FROM {schema}.inbox
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {schema}.inbox WHERE seen_at < now() - make_interval(secs => $1 * 3600) LIMIT $2
));

-- name: write_outbox
-- Bundles to be said, due $7 seconds from now each.
INSERT INTO {schema}.outbox (bundle_id, type, queue, body, messages, attempts, due_at)
SELECT bundle_id, type, queue, body, messages, attempts, clock_timestamp() + make_interval(secs => due_in_s)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::float8[])
    AS given (bundle_id, type, queue, body, messages, attempts, due_in_s);

-- name: due_outbox
-- What the fast path left, what the broker refused, retries whose time has come; without the $1 that it holds now.
-- SKIP LOCKED, so that the relays of all replicas share the work. Index: outbox_due_at_idx.
SELECT bundle_id, type, queue, body, messages, attempts FROM {schema}.outbox
WHERE due_at <= now() AND bundle_id <> ALL ($1::uuid[])
ORDER BY due_at
LIMIT $2
FOR UPDATE SKIP LOCKED;

-- name: delete_outbox
-- Confirmed by the broker. The commit need not wait for the disk: a row that a crash of the server brings back is sent
-- once more, and the inbox knows it.
DELETE FROM {schema}.outbox
WHERE bundle_id = ANY ($1::uuid[]) AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off';

-- name: postpone_outbox
-- Nobody takes these yet; looked at again in $2 seconds, so that they do not stand in the way of others.
UPDATE {schema}.outbox SET due_at = now() + make_interval(secs => $2) WHERE bundle_id = ANY ($1::uuid[]);

-- name: outbox_state
-- For the gauges: what waits, and how long the oldest is overdue.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8 AS overdue_s
FROM {schema}.outbox;

-- name: park
-- Keeps messages of one queue that cannot go on. Twice the same is once.
INSERT INTO {schema}.parked (id, business_id, queue, type, body, reason, attempts)
SELECT id, business_id, $1, type, body, reason, attempts
FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::integer[])
    AS given (id, business_id, type, body, reason, attempts)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: bundle_seen
-- Whether a queue's bundle has been applied.
SELECT EXISTS (SELECT 1 FROM {schema}.inbox WHERE queue = $1 AND bundle_id = $2);

-- name: unpark
-- They went through after all.
DELETE FROM {schema}.parked WHERE id = ANY ($1::uuid[]);

-- name: parked_state
-- For the gauge: what waits for an operator.
SELECT count(*) FROM {schema}.parked WHERE replayed_at IS NULL;

-- name: list_parked
-- One page of a business's waiting messages, oldest first, after the given place. Index: parked_waiting_idx.
SELECT id, business_id, queue, type, body, reason, attempts, parked_at FROM {schema}.parked
WHERE business_id = $1 AND replayed_at IS NULL AND (parked_at, id) > ($2::timestamptz, $3::uuid)
ORDER BY parked_at, id
LIMIT $4;

-- name: claim_parked
-- One waiting message of a business, to be replayed; locked, so that two clicks replay it once.
UPDATE {schema}.parked SET replayed_at = now()
WHERE business_id = $1 AND id = $2 AND replayed_at IS NULL
RETURNING id, queue, type, body;

-- name: claim_all_parked
-- The oldest waiting messages of a business, at most $2, to be replayed. ARRAY, so that the subquery runs once.
UPDATE {schema}.parked SET replayed_at = now()
WHERE id = ANY (ARRAY(
    SELECT id FROM {schema}.parked WHERE business_id = $1 AND replayed_at IS NULL
    ORDER BY parked_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
))
RETURNING id, queue, type, body;

-- name: prune_parked
-- Forgets messages replayed longer than $1 hours ago, at most $2 at a time.
DELETE FROM {schema}.parked
WHERE id = ANY (ARRAY(
    SELECT id FROM {schema}.parked WHERE replayed_at < now() - make_interval(secs => $1 * 3600) LIMIT $2
));
