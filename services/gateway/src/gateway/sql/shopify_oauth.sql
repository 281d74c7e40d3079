-- name: begin_consent
-- Somebody is being sent to Shopify.
INSERT INTO gateway.shopify_consent (state_hash, browser_hash, user_id, business_id, shop, location_id, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7));

-- name: take_consent
-- A state is good once, whatever comes of it, and only in the browser that was sent away. No row: forged, used,
-- too late, or somebody else's.
DELETE FROM gateway.shopify_consent
WHERE state_hash = $1 AND browser_hash = $2 AND shop = $3 AND expires_at > now()
RETURNING user_id, business_id, location_id;

-- name: is_member
-- The person may have left the business meanwhile.
SELECT EXISTS (SELECT FROM gateway.membership WHERE user_id = $1 AND business_id = $2);

-- name: save_install
-- Granted, and waiting for a choice of location.
INSERT INTO gateway.shopify_install (id, business_id, shop, location_id, credentials, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6));

-- name: install_of_business
-- One grant that waits, only for its own business.
SELECT shop, location_id, credentials FROM gateway.shopify_install
WHERE id = $1 AND business_id = $2 AND expires_at > now();

-- name: forget_install
-- It has become a connection.
DELETE FROM gateway.shopify_install WHERE id = $1 AND business_id = $2;

-- name: forget_past_consents
-- Nobody came back.
DELETE FROM gateway.shopify_consent WHERE expires_at < now();

-- name: forget_past_installs
-- Nobody chose.
DELETE FROM gateway.shopify_install WHERE expires_at < now();

-- name: claim_due_tokens
-- One shop whose tokens are due; held until the new pair is stored, so that one replica alone exchanges them.
SELECT id, business_id, store_key, credentials FROM gateway.connection
WHERE tokens_due_at <= now() AND platform = 'shopify' AND status = 'connected'
ORDER BY tokens_due_at
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED;

-- name: save_tokens
-- The new pair replaces the old one in one step, for every service at once.
UPDATE gateway.connection SET credentials = $2, tokens_due_at = $3 WHERE id = $1;

-- name: tokens_later
-- The shop did not answer: tried again after $2 seconds.
UPDATE gateway.connection SET tokens_due_at = now() + make_interval(secs => $2) WHERE id = $1;

-- name: tokens_withdrawn
-- The shop does not accept the grant any more: only a person can connect it again.
UPDATE gateway.connection SET status = 'needs_reauthorisation', tokens_due_at = NULL WHERE id = $1;

-- name: say_why_withdrawn
-- For the operator, who sees it beside the state; a later word of the store itself replaces it.
INSERT INTO gateway.connection_state AS s (connection_id, business_id, health, health_since, health_detail)
VALUES ($1, $2, 'needs_reauthorisation', now(), $3)
ON CONFLICT (connection_id) DO UPDATE SET
    health = 'needs_reauthorisation', health_since = now(), health_detail = excluded.health_detail;
