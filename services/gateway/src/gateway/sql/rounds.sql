-- name: lock_rounds_of_business
-- Requests of one business count each other, so that the limit holds for all replicas together.
SELECT id FROM gateway.business WHERE id = $1 FOR NO KEY UPDATE;

-- name: count_running_rounds
-- Rounds that nobody completed within $2 seconds are lost and do not count.
SELECT count(*) FROM gateway.sync_round
WHERE business_id = $1 AND state = 'running' AND requested_at > now() - make_interval(secs => $2);

-- name: create_round
-- Written in the transaction that also says sync.requested.
INSERT INTO gateway.sync_round (id, business_id, connection_id) VALUES ($1, $2, $3)
RETURNING requested_at;

-- name: round_of_business
-- One round, only for the business that asked for it.
SELECT id, connection_id, state, detail, connections, requested_at, completed_at
FROM gateway.sync_round WHERE business_id = $1 AND id = $2;

-- name: complete_round
-- What the round came to; told to the replica on which somebody waits. A second word on a round changes nothing.
UPDATE gateway.sync_round
SET state = $3, detail = $4, connections = $5::jsonb, completed_at = $6
WHERE id = $1 AND business_id = $2 AND state = 'running'
RETURNING pg_notify('prokip_gateway_round', id::text);

-- name: forget_old_rounds
-- A round is of interest for days, not for ever.
DELETE FROM gateway.sync_round WHERE requested_at < now() - make_interval(days => $1);
