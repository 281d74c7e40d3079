-- name: live_connections
-- Every connection that a webhook, push or sweep may name; the directory keeps all of them in memory.
SELECT
    id, business_id, platform, store_key, store_url, store_name, location_id, place_ref, sync_enabled, status,
    connected_at, credentials
FROM gateway.connection
WHERE status <> 'disconnected'
ORDER BY id;

-- name: connection_of_store
-- Also one that ended: a store's last word may come days after.
SELECT id, business_id FROM gateway.connection WHERE platform = $1 AND store_key = $2;

-- name: prokip_accounts
-- Where each business's Prokip is and how often it is polled.
SELECT business_id, version, dialect, api_url, location_id, interval_s, contact_id, timezone, credentials
FROM gateway.prokip_account
ORDER BY business_id;
