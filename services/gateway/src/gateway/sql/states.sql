-- name: mark_uninstalled
-- The stores took our access away; the operator connects again.
UPDATE gateway.connection AS c SET status = 'needs_reauthorisation'
FROM unnest($1::bigint[], $2::bigint[]) AS n (connection_id, business_id)
WHERE c.id = n.connection_id AND c.business_id = n.business_id AND c.status = 'connected';

-- name: redact_connections
-- The stores have left for good: what names them is erased; the row stays because orders and movements name it. One that is
-- connected again is left as it is. A number that was a store's is nobody's, so that connecting it begins anew.
WITH redacted AS (
    UPDATE gateway.connection AS c SET
        status = 'disconnected', credentials = NULL, tokens_due_at = NULL, sync_enabled = false,
        disconnected_at = coalesce(c.disconnected_at, now()),
        store_key = 'redacted-' || c.id, store_url = '', store_name = 'Erased store'
    FROM unnest($1::bigint[], $2::bigint[]) AS n (connection_id, business_id)
    WHERE c.id = n.connection_id AND c.business_id = n.business_id
        -- Whether or not its goodbye was heard: it has not let us in since.
        AND (c.status <> 'connected' OR EXISTS (
            SELECT FROM gateway.connection_state s WHERE s.connection_id = c.id AND s.health = 'needs_reauthorisation'
        ))
        AND c.store_key <> 'redacted-' || c.id
    RETURNING c.id, c.business_id
), said AS (
    DELETE FROM gateway.live_event e USING redacted
    WHERE e.business_id = redacted.business_id AND e.body ->> 'connection_id' = redacted.id::text
)
SELECT id, business_id FROM redacted ORDER BY id;

-- name: save_health
-- The newest word on each connection's health; an older one that arrives late is left out.
INSERT INTO gateway.connection_state AS s (connection_id, business_id, health, health_since, health_detail)
SELECT c.id, c.business_id, n.health, n.since, n.detail
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[])
    AS n (connection_id, business_id, health, since, detail)
JOIN gateway.connection AS c ON c.id = n.connection_id AND c.business_id = n.business_id
ORDER BY c.id
ON CONFLICT (connection_id) DO UPDATE
SET health = excluded.health, health_since = excluded.health_since, health_detail = excluded.health_detail
WHERE s.health_since IS NULL OR s.health_since <= excluded.health_since;

-- name: save_last_sync
-- When each store last confirmed what we told it; time only moves forward.
INSERT INTO gateway.connection_state AS s (connection_id, business_id, last_sync)
SELECT c.id, c.business_id, n.synced_at
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS n (connection_id, business_id, synced_at)
JOIN gateway.connection AS c ON c.id = n.connection_id AND c.business_id = n.business_id
ORDER BY c.id
ON CONFLICT (connection_id) DO UPDATE SET last_sync = greatest(s.last_sync, excluded.last_sync);
