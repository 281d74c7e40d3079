-- name: park
-- A body that no event could be read from; the same one again only counts up.
INSERT INTO ingest.parked AS held (id, business_id, connection_id, platform, topic, reason, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE
SET seen = held.seen + 1, last_seen_at = now(), reason = excluded.reason;

-- name: list_parked
-- One page of a business's parked webhooks, oldest first, after the given place. Index: parked_business_idx.
SELECT id, business_id, 'ingest.' || platform AS queue, topic AS type, body, reason, attempts, parked_at
FROM ingest.parked
WHERE business_id = $1 AND (parked_at, id) > ($2::timestamptz, $3::uuid)
ORDER BY parked_at, id
LIMIT $4;

-- name: claim_parked
-- One parked webhook of a business, to be replayed; locked, so that two clicks replay it once.
SELECT business_id, connection_id, platform, topic, reason, body, parked_at
FROM ingest.parked
WHERE business_id = $1 AND id = $2
FOR UPDATE;

-- name: unpark
-- Its event is durable now.
DELETE FROM ingest.parked WHERE business_id = $1 AND id = $2;

-- name: count_failed_replay
-- It is still unusable, for the reason of today's code.
UPDATE ingest.parked SET attempts = attempts + 1, reason = $3 WHERE business_id = $1 AND id = $2;

-- name: forget_parked
-- The store has left and is to be forgotten.
DELETE FROM ingest.parked WHERE business_id = $1 AND connection_id = $2;
