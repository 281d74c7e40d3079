-- name: read_login
-- The tokens that were got under these settings.
SELECT version, tokens, refused, extract(epoch FROM renew_at - clock_timestamp())::float8 AS usable_s
FROM prokip.login
WHERE business_id = $1 AND version = $2;

-- name: lock_login
-- The same, for whoever is going to get new ones; all others wait here for what comes of it. What was learnt under older
-- settings is forgotten, never what was learnt under newer ones.
INSERT INTO prokip.login AS held (business_id, version)
VALUES ($1, $2)
ON CONFLICT (business_id) DO UPDATE SET
    version = greatest(held.version, excluded.version),
    tokens = CASE WHEN held.version >= excluded.version THEN held.tokens END,
    renew_at = CASE WHEN held.version >= excluded.version THEN held.renew_at END,
    refused = CASE WHEN held.version >= excluded.version THEN held.refused END
RETURNING version, tokens, refused, extract(epoch FROM renew_at - clock_timestamp())::float8 AS usable_s;

-- name: save_tokens
-- A new pair, to be renewed in $3 seconds; NULL: when it is refused.
UPDATE prokip.login
SET tokens = $2, renew_at = clock_timestamp() + make_interval(secs => $3), refused = NULL
WHERE business_id = $1;

-- name: save_refusal
-- These settings are wrong; nothing is asked under them again.
UPDATE prokip.login SET tokens = NULL, renew_at = NULL, refused = $2 WHERE business_id = $1;

-- name: forget_logins
-- New settings: tokens of the old ones are of no use, and were somebody's.
DELETE FROM prokip.login WHERE business_id = ANY ($1::bigint[]);

-- name: lock_pace
-- Turns of an account are given out one after the other.
INSERT INTO prokip.pace AS held (business_id)
VALUES ($1)
ON CONFLICT (business_id) DO UPDATE SET business_id = held.business_id
RETURNING next_turn_at, closed_until, failures, clock_timestamp() AS now;

-- name: take_turn
-- A turn that was worked out from the state $5 to $7; nothing comes back where that is no longer the state.
UPDATE prokip.pace SET next_turn_at = $2, closed_until = $3, failures = $4
WHERE business_id = $1 AND next_turn_at = $5 AND closed_until = $6 AND failures = $7
RETURNING clock_timestamp() AS now;

-- name: save_pace
-- What a turn, or its end, changed.
UPDATE prokip.pace SET next_turn_at = $2, closed_until = $3, failures = $4 WHERE business_id = $1;

-- name: forget_paces
-- New settings: whatever was wrong is tried again at once.
DELETE FROM prokip.pace WHERE business_id = ANY ($1::bigint[]);
