-- name: known_connections
-- What store-push holds of the directory, to see what changed in it.
SELECT connection_id, business_id, platform, location_id, place_ref, writable, active, own_location_id
FROM push.connection_work;

-- name: wait_for_pushes
-- Until nobody pushes to these stores, and from then on nobody does before the transaction ends: what a push found is
-- not to be stored over what changes here, nor the other way round. And a push that notes an intent outside of its claim's
-- transaction must not wait for somebody who deletes it and waits for the push: Postgres would not see the two.
SELECT pg_advisory_xact_lock(hashtextextended('push.work', n.connection_id))
FROM (SELECT connection_id FROM unnest($1::bigint[]) AS n (connection_id) ORDER BY connection_id) n;

-- name: save_connections
-- Follows the directory; how the store answered so far is kept.
INSERT INTO push.connection_work AS w (
    connection_id, business_id, platform, location_id, place_ref, writable, active, own_location_id
)
SELECT * FROM unnest(
    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::boolean[], $8::text[]
)
ON CONFLICT (connection_id) DO UPDATE SET
    location_id = EXCLUDED.location_id,
    place_ref = EXCLUDED.place_ref,
    writable = EXCLUDED.writable,
    active = EXCLUDED.active,
    own_location_id = EXCLUDED.own_location_id;

-- name: start_catalogue_reads
-- As soon as possible. A read that is under way ends first and another one follows: it may be past what changed.
INSERT INTO push.catalogue_read AS c (connection_id, due_at, wanted_at)
SELECT w.connection_id, now(), clock_timestamp() FROM push.connection_work w
WHERE w.connection_id = ANY($1::bigint[]) AND w.active AND w.platform <> 'custom'
ON CONFLICT (connection_id) DO UPDATE SET due_at = least(c.due_at, now()), consecutive_failures = 0, wanted_at = EXCLUDED.wanted_at;

-- name: wake_readers
-- Heard by every replica when the transaction commits; apart from pushes, which come many times a second.
SELECT pg_notify('prokip_push_catalogue', '');

-- name: hold_connection
-- Not forgotten until the transaction ends; no row: it has been.
SELECT true FROM push.connection_work WHERE connection_id = $1 FOR KEY SHARE;

-- name: forgive_connections
-- An operator did something about the connection: it is tried at once, whatever it did before.
UPDATE push.connection_work SET next_attempt_at = now(), consecutive_failures = 0
WHERE connection_id = ANY($1::bigint[]);

-- name: forget_connections
-- Disconnected: the listings go, the stock in the store and the history of pushes stay.
WITH intents AS (
    DELETE FROM push.intent i USING push.listing l WHERE l.id = i.listing_id AND l.connection_id = ANY($1::bigint[])
), swept AS (
    DELETE FROM push.swept_order WHERE connection_id = ANY($1::bigint[])
)
DELETE FROM push.connection_work WHERE connection_id = ANY($1::bigint[]);

-- name: move_listings
-- The connection sells another location's stock now: its listings get that location's targets.
UPDATE push.listing SET location_id = $2, target = NULL, target_revision = 0, due_at = NULL
WHERE connection_id = $1 AND location_id <> $2;

-- name: list_whole_location
-- A custom store that was connected late is told of every SKU that is known.
INSERT INTO push.listing (business_id, connection_id, location_id, item_ref, sku, state)
SELECT w.business_id, w.connection_id, w.location_id, t.sku, t.sku, 'matched'
FROM push.connection_work w
JOIN push.stock_target t ON t.business_id = w.business_id AND t.location_id = w.location_id
WHERE w.connection_id = $1 AND w.platform = 'custom' AND w.writable
ORDER BY t.sku
ON CONFLICT (connection_id, item_ref) DO NOTHING;

-- name: lock_business_listings
-- Against batches of stock.changed: see enter_businesses.
SELECT pg_advisory_xact_lock(hashtextextended('push.listing', $1::bigint));
