-- name: listings
-- Page through one business's listings: by connection, by state, by part of the SKU.
SELECT l.id, l.connection_id, l.location_id, l.item_ref, l.parent_ref, l.place_ref, l.sku, l.held_by, l.state, l.reason,
    l.target, l.target_revision, l.confirmed, l.confirmed_revision, l.confirmed_at,
    l.confirmed + l.confirmed_taken - l.target_taken AS believed, l.due_at, l.gap, l.gap_since,
    coalesce(i.name, '') AS name, i.price
FROM push.listing l
LEFT JOIN push.catalogue_item i ON i.connection_id = l.connection_id AND i.item_ref = l.item_ref
WHERE l.business_id = $1 AND l.id > $2
    AND ($3::bigint IS NULL OR l.connection_id = $3)
    AND ($4::text IS NULL OR l.state = $4)
    AND ($5::text IS NULL OR strpos(lower(l.sku), lower($5)) > 0)
ORDER BY l.id
LIMIT $6;

-- name: listings_of_sku
-- What the stores show of one SKU, at location $3 or at all of them. Indexes: connection_work_business_idx,
-- listing_sku_idx.
SELECT l.id, l.connection_id, l.location_id, l.item_ref, l.parent_ref, l.state, l.reason, t.available, l.target,
    l.confirmed, l.confirmed_at, l.target_taken - l.confirmed_taken AS taken_since,
    l.confirmed + l.confirmed_taken - l.target_taken AS believed, l.due_at, l.gap, l.gap_since, l.held_since,
    coalesce(s.buffer, c.buffer, 0) AS buffer, coalesce(s.shown_max, c.shown_max) AS shown_max,
    coalesce(s.push, 'on') AS push, coalesce(c.locations, 'own') AS locations,
    s.buffer AS sku_buffer, s.shown_max AS sku_shown_max,
    EXISTS (
        SELECT FROM push.bundle b WHERE b.business_id = l.business_id AND b.sku = l.sku AND b.parts <> '{}'
    ) AS bundle,
    CASE WHEN l.location_id = '*' THEN (
        SELECT jsonb_object_agg(p.location_id, p.available::text) FROM push.stock_target p
        WHERE p.business_id = l.business_id AND p.sku = l.sku AND p.location_id <> '*'
    ) END AS places
FROM push.connection_work w
JOIN push.listing l
    ON l.business_id = w.business_id AND l.location_id = w.location_id AND l.sku = $2
    AND l.connection_id = w.connection_id
LEFT JOIN push.stock_target t ON t.business_id = l.business_id AND t.location_id = l.location_id AND t.sku = l.sku
LEFT JOIN push.connection_rule c ON c.connection_id = l.connection_id
LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
WHERE w.business_id = $1 AND ($3::text IS NULL OR w.location_id IN ($3, '*'))
ORDER BY l.connection_id, l.id
LIMIT $4;

-- name: due_by_connection
-- How many listings of each store wait to be looked at. Indexes: connection_work_business_idx, listing_due_idx.
SELECT w.connection_id, due.listings AS due, due.oldest AS oldest_due_at
FROM push.connection_work w
CROSS JOIN LATERAL (
    SELECT count(*) AS listings, min(l.due_at) AS oldest FROM push.listing l
    WHERE l.connection_id = w.connection_id AND l.due_at <= now()
) due
WHERE w.business_id = $1
ORDER BY w.connection_id;

-- name: pushes
-- Page through what was sent, newest first.
SELECT id, connection_id, listing_id, sku, expected, shown, sent, answered, outcome, detail, revision, answer_ms,
    window_ms, correlation_id, at
FROM push.push
WHERE business_id = $1 AND ($2::bigint IS NULL OR id < $2)
    AND ($3::text IS NULL OR sku = $3)
    AND ($4::bigint IS NULL OR connection_id = $4)
ORDER BY id DESC
LIMIT $5;

-- name: drifts
-- Page through unexplained differences, newest first.
SELECT id, connection_id, listing_id, sku, expected, shown, cause, at
FROM push.drift
WHERE business_id = $1 AND ($2::bigint IS NULL OR id < $2) AND ($3::bigint IS NULL OR connection_id = $3)
ORDER BY id DESC
LIMIT $4;

-- name: connections
-- How each connection of one business is doing.
SELECT w.connection_id, w.platform, w.active, w.health, w.health_since, w.health_detail, w.consecutive_failures,
    w.next_attempt_at, w.last_push_at, c.read_at AS catalogue_read_at, c.items AS catalogue_items,
    c.error AS catalogue_error, s.complete_from AS swept_at, s.orders AS swept_orders,
    s.unreadable AS swept_unreadable, s.error AS sweep_error, h.checked_at AS webhooks_checked_at,
    h.restored_at AS webhooks_restored_at, h.restored_topics AS webhooks_restored, h.error AS webhooks_error,
    (
        SELECT count(*) FROM push.listing l WHERE l.connection_id = w.connection_id AND l.due_at <= now()
    ) AS due,
    coalesce((
        SELECT jsonb_object_agg(g.state, g.listings) FROM (
            SELECT l.state, count(*) AS listings FROM push.listing l WHERE l.connection_id = w.connection_id GROUP BY l.state
        ) g
    ), '{}') AS listings
FROM push.connection_work w
LEFT JOIN push.catalogue_read c USING (connection_id)
LEFT JOIN push.sweep s USING (connection_id)
LEFT JOIN push.subscription_check h USING (connection_id)
WHERE w.business_id = $1
ORDER BY w.connection_id;

-- name: gauges
-- What an operator watches, over all connections.
SELECT count(*) FILTER (WHERE w.active AND w.health = 'healthy') AS healthy,
    count(*) FILTER (WHERE w.active AND w.health = 'throttled') AS throttled,
    count(*) FILTER (WHERE w.active AND w.health = 'failing') AS failing,
    count(*) FILTER (WHERE w.active AND w.health = 'needs_reauthorisation') AS needs_reauthorisation,
    coalesce(sum(d.due), 0)::bigint AS due,
    coalesce(extract(epoch FROM now() - min(d.oldest) FILTER (WHERE w.active AND w.health = 'healthy')), 0)
        ::double precision AS oldest_due_s,
    coalesce((
        SELECT extract(epoch FROM now() - min(coalesce(complete_from, due_at))) FROM push.sweep
    ), 0)::double precision AS oldest_sweep_s,
    (SELECT count(*) FROM push.first_quantities WHERE state = 'held') AS held_first_quantities
FROM push.connection_work w
CROSS JOIN LATERAL (
    SELECT count(*) AS due, min(l.due_at) AS oldest FROM push.listing l
    WHERE l.connection_id = w.connection_id AND l.due_at <= now() AND NOT EXISTS (
        SELECT FROM push.first_quantities f
        WHERE f.connection_id = w.connection_id AND f.state IN ('waiting', 'held', 'refused')
    )
) d;

-- name: prune_pushes
-- A bounded bite, so that pruning never holds up pushing.
DELETE FROM push.push WHERE id IN (
    SELECT id FROM push.push WHERE at < now() - $1::double precision * interval '1 day' LIMIT $2
);

-- name: prune_drift
-- As prune_pushes.
DELETE FROM push.drift WHERE id IN (
    SELECT id FROM push.drift WHERE at < now() - $1::double precision * interval '1 day' LIMIT $2
);
