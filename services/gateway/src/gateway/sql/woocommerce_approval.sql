-- name: begin_approval
-- Somebody is being sent to the store.
INSERT INTO gateway.woocommerce_approval (
    state_hash, ticket_hash, browser_hash, user_id, business_id, store_url, location_id, expires_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8));

-- name: keep_keys
-- The store posts once: what has keys already takes no others. No row: forged, repeated or too late.
UPDATE gateway.woocommerce_approval SET keys = $3
WHERE state_hash = $1 AND ticket_hash = $2 AND keys IS NULL AND expires_at > now()
RETURNING business_id;

-- name: take_approval
-- Coming back is good once, whoever comes and whatever comes of it: the keys are gone from here with it.
DELETE FROM gateway.woocommerce_approval
WHERE state_hash = $1 AND expires_at > now()
RETURNING browser_hash, user_id, business_id, store_url, location_id, keys;

-- name: is_member
-- The person may have left the business meanwhile.
SELECT EXISTS (SELECT FROM gateway.membership WHERE user_id = $1 AND business_id = $2);

-- name: forget_past_approvals
-- Nobody came back.
DELETE FROM gateway.woocommerce_approval WHERE expires_at < now();
