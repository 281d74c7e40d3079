-- name: connections_of_business
-- Every store of one business; disconnected ones when asked for.
SELECT
    c.id, c.platform, c.store_key, c.store_url, c.store_name, c.location_id, c.place_ref, c.choice, c.sync_enabled,
    c.status, c.connected_at,
    coalesce(s.health, 'healthy') AS health, s.health_since, coalesce(s.health_detail, '') AS health_detail,
    s.last_sync
FROM gateway.connection AS c
LEFT JOIN gateway.connection_state AS s ON s.connection_id = c.id
WHERE c.business_id = $1 AND ($2 OR c.status <> 'disconnected')
ORDER BY c.id;

-- name: connection_of_business
-- One store, only for the business that it belongs to.
SELECT
    c.id, c.platform, c.store_key, c.store_url, c.store_name, c.location_id, c.place_ref, c.choice, c.sync_enabled,
    c.status, c.connected_at,
    coalesce(s.health, 'healthy') AS health, s.health_since, coalesce(s.health_detail, '') AS health_detail,
    s.last_sync
FROM gateway.connection AS c
LEFT JOIN gateway.connection_state AS s ON s.connection_id = c.id
WHERE c.business_id = $1 AND c.id = $2;

-- name: try_lock_store
-- Two operators must not connect one store at the same time: each would replace the other's webhooks. The
-- transaction's end lets go.
SELECT pg_try_advisory_xact_lock(hashtextextended('gateway.store:' || $1 || ':' || $2, 0));

-- name: store_owner
-- Whose store this is, if it was ever connected.
SELECT business_id FROM gateway.connection WHERE platform = $1 AND store_key = $2;

-- name: save_connection
-- A new store, or one that comes back: the row that orders and movements name is revived with fresh credentials.
-- connected_at moves only if the store was away, because older orders are a baseline.
INSERT INTO gateway.connection AS c (
    business_id, platform, store_key, store_url, store_name, location_id, place_ref, choice, status, connected_at,
    credentials, tokens_due_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'connected', $9, $10, $11)
ON CONFLICT (platform, store_key) DO UPDATE SET
    store_url = excluded.store_url,
    store_name = excluded.store_name,
    location_id = excluded.location_id,
    place_ref = excluded.place_ref,
    choice = coalesce(excluded.choice, c.choice),
    status = 'connected',
    sync_enabled = c.sync_enabled OR c.status = 'disconnected',
    connected_at = CASE WHEN c.status = 'disconnected' THEN excluded.connected_at ELSE c.connected_at END,
    disconnected_at = NULL,
    credentials = excluded.credentials,
    tokens_due_at = excluded.tokens_due_at
WHERE c.business_id = excluded.business_id
RETURNING id;

-- name: reset_connection_state
-- A store that was just checked is healthy until somebody finds otherwise; its last sync is history worth keeping.
INSERT INTO gateway.connection_state AS s (connection_id, business_id, health, health_since, health_detail)
VALUES ($1, $2, 'healthy', now(), '')
ON CONFLICT (connection_id) DO UPDATE SET health = 'healthy', health_since = now(), health_detail = '';

-- name: change_connection
-- NULL leaves a field as it is. No row: not this business's store, or disconnected.
UPDATE gateway.connection SET
    sync_enabled = coalesce($3, sync_enabled),
    choice = coalesce($4, choice),
    location_id = coalesce($5, location_id)
WHERE business_id = $1 AND id = $2 AND status <> 'disconnected'
RETURNING id;

-- name: toggle_connection
-- One statement, so that two clicks at once pause and resume instead of both pausing.
UPDATE gateway.connection SET sync_enabled = NOT sync_enabled
WHERE business_id = $1 AND id = $2 AND status <> 'disconnected'
RETURNING sync_enabled;

-- name: lock_credentials
-- Nobody exchanges or replaces them until the transaction ends.
SELECT credentials FROM gateway.connection
WHERE business_id = $1 AND id = $2 AND status <> 'disconnected'
FOR NO KEY UPDATE;

-- name: replace_credentials
-- Of a store that is connected; $5: it has let us in with them, whatever it said before.
UPDATE gateway.connection
SET credentials = $3, tokens_due_at = $4, status = CASE WHEN $5 THEN 'connected' ELSE status END
WHERE business_id = $1 AND id = $2;

-- name: disconnect
-- Credentials are gone for good; the row, its orders and its stock stay.
UPDATE gateway.connection
SET status = 'disconnected', credentials = NULL, tokens_due_at = NULL, disconnected_at = now(), sync_enabled = false
WHERE business_id = $1 AND id = $2 AND status <> 'disconnected'
RETURNING id;

-- name: prokip_account
-- The settings without the credentials.
SELECT dialect, api_url, location_id, contact_id, timezone, interval_s, configured_at
FROM gateway.prokip_account
WHERE business_id = $1;

-- name: save_prokip_account
-- One account per business.
INSERT INTO gateway.prokip_account AS p (
    business_id, dialect, api_url, location_id, credentials, contact_id, timezone, interval_s
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (business_id) DO UPDATE SET
    dialect = excluded.dialect, api_url = excluded.api_url, location_id = excluded.location_id,
    credentials = excluded.credentials, contact_id = excluded.contact_id, timezone = excluded.timezone,
    interval_s = excluded.interval_s, configured_at = now(), version = p.version + 1;
