-- name: enter_businesses
-- Shared with other batches, exclusive against a catalogue being saved: neither may miss what the other has not
-- committed yet. Where locations are summed, two batches may not miss each other either.
SELECT CASE
    WHEN EXISTS (SELECT FROM push.connection_rule c WHERE c.business_id = given.business_id AND c.locations = 'all')
    THEN pg_advisory_xact_lock(hashtextextended('push.listing', given.business_id))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('push.listing', given.business_id))
END
FROM unnest($1::bigint[]) AS given (business_id);

-- name: save_targets
-- The highest revision of each SKU wins, in whatever order messages arrive. A custom store has no catalogue to match: it
-- is told of every SKU of its location. Where a store of the business shows one unified stock, the sum of all locations is
-- kept as the location '*': revisions only rise, so that their sum tells the newer. Workers wake when the transaction
-- commits.
WITH news AS (
    SELECT * FROM unnest(
        $1::bigint[], $2::text[], $3::text[], $4::numeric[], $5::bigint[], $6::jsonb[], $7::text[]
    ) AS n (business_id, location_id, sku, available, revision, taken, correlation_id)
), saved AS (
    INSERT INTO push.stock_target AS t (
        business_id, location_id, sku, available, revision, taken, correlation_id
    )
    SELECT * FROM news
    UNION ALL
    SELECT summed.business_id, '*', summed.sku, total.available, total.revision, total.taken, total.correlation_id
    FROM (
        SELECT DISTINCT news.business_id, news.sku FROM news
        WHERE EXISTS (SELECT FROM push.connection_rule c WHERE c.business_id = news.business_id AND c.locations = 'all')
        ORDER BY news.business_id, news.sku
    ) summed
    CROSS JOIN LATERAL (
        WITH places AS (
            SELECT DISTINCT ON (place.location_id) place.available, place.revision, place.taken, place.correlation_id, place.new
            FROM (
                SELECT n.location_id, n.available, n.revision, n.taken, n.correlation_id, true AS new FROM news n
                WHERE n.business_id = summed.business_id AND n.sku = summed.sku
                UNION ALL
                SELECT t.location_id, t.available, t.revision, t.taken, t.correlation_id, false FROM push.stock_target t
                WHERE t.business_id = summed.business_id AND t.sku = summed.sku AND t.location_id <> '*'
            ) place
            ORDER BY place.location_id, place.revision DESC
        )
        SELECT sum(places.available) AS available, sum(places.revision)::bigint AS revision,
            coalesce((
                SELECT jsonb_object_agg(one.key, one.units) FROM (
                    SELECT store.key, sum(store.value::numeric)::text AS units
                    FROM places p CROSS JOIN LATERAL jsonb_each_text(p.taken) store GROUP BY store.key
                ) one
            ), '{}') AS taken,
            (array_agg(places.correlation_id ORDER BY places.new DESC))[1] AS correlation_id
        FROM places
    ) total
    ON CONFLICT (business_id, location_id, sku) DO UPDATE SET
        available = EXCLUDED.available,
        revision = EXCLUDED.revision,
        taken = EXCLUDED.taken,
        correlation_id = EXCLUDED.correlation_id
    WHERE t.revision < EXCLUDED.revision
), listed AS (
    INSERT INTO push.listing (business_id, connection_id, location_id, item_ref, sku, state)
    SELECT w.business_id, w.connection_id, w.location_id, news.sku, news.sku, 'matched'
    FROM news
    JOIN push.connection_work w ON w.business_id = news.business_id AND w.location_id IN (news.location_id, '*')
    WHERE w.platform = 'custom' AND w.writable
    ORDER BY w.connection_id, news.sku
    ON CONFLICT (connection_id, item_ref) DO NOTHING
)
SELECT pg_notify('prokip_push_due', '');

-- name: sum_locations
-- All that is known of a business's stock, summed for a store that shows one unified stock from now on; as save_targets
-- does for what changes. Without one there is nothing to sum.
INSERT INTO push.stock_target AS t (business_id, location_id, sku, available, revision, taken, correlation_id)
SELECT $1, '*', one.sku, sum(one.available), sum(one.revision)::bigint,
    coalesce((
        SELECT jsonb_object_agg(store.key, store.units) FROM (
            SELECT place.key, sum(place.value::numeric)::text AS units
            FROM push.stock_target p CROSS JOIN LATERAL jsonb_each_text(p.taken) place
            WHERE p.business_id = $1 AND p.sku = one.sku AND p.location_id <> '*'
            GROUP BY place.key
        ) store
    ), '{}'), max(one.correlation_id)
FROM push.stock_target one
WHERE one.business_id = $1 AND one.location_id <> '*'
    AND EXISTS (SELECT FROM push.connection_rule c WHERE c.business_id = $1 AND c.locations = 'all')
GROUP BY one.sku
ORDER BY one.sku
ON CONFLICT (business_id, location_id, sku) DO UPDATE SET
    available = EXCLUDED.available, revision = EXCLUDED.revision, taken = EXCLUDED.taken,
    correlation_id = EXCLUDED.correlation_id
WHERE t.revision < EXCLUDED.revision;

-- name: mark_due
-- Gives the listings of changed SKUs their newest target, by the rules; a SKU that Prokip does not count (any more) is as
-- one that a rule says never to write. Rows are locked in the order of their ids, as
-- record_results does, so that two transactions never wait for each other in a circle.
WITH news AS (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n (business_id, location_id, sku)
), locked AS (
    SELECT l.id, t.revision, t.correlation_id, coalesce((t.taken ->> l.connection_id::text)::numeric, 0) AS taken,
        push.shown(
            t.available, coalesce(s.buffer, c.buffer), coalesce(s.shown_max, c.shown_max),
            CASE WHEN a.sku IS NULL THEN s.push ELSE 'never' END
        ) AS target
    FROM news
    JOIN push.listing l
        ON l.business_id = news.business_id AND l.location_id IN (news.location_id, '*') AND l.sku = news.sku
    JOIN push.stock_target t ON t.business_id = l.business_id AND t.location_id = l.location_id AND t.sku = l.sku
    LEFT JOIN push.connection_rule c ON c.connection_id = l.connection_id
    LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
    LEFT JOIN push.left_alone a ON a.business_id = l.business_id AND a.location_id = l.location_id AND a.sku = l.sku
    WHERE l.target_revision < t.revision
    ORDER BY l.id
    FOR UPDATE OF l
)
UPDATE push.listing l SET
    target = locked.target,
    target_revision = locked.revision,
    target_taken = locked.taken,
    correlation_id = locked.correlation_id,
    -- The first target of a listing: sales that were counted before it may or may not be in what was read.
    confirmed = CASE WHEN l.target_revision = 0 AND locked.taken <> 0 THEN NULL ELSE l.confirmed END,
    due_at = CASE WHEN l.state = 'matched' AND locked.target IS NOT NULL THEN least(l.due_at, now()) END
FROM locked WHERE l.id = locked.id;

-- name: fill_targets
-- Gives new or newly matched listings of one connection the target that is known already, by the rules.
WITH locked AS (
    SELECT l.id, t.revision, t.correlation_id, coalesce((t.taken ->> l.connection_id::text)::numeric, 0) AS taken,
        push.shown(
            t.available, coalesce(s.buffer, c.buffer), coalesce(s.shown_max, c.shown_max),
            CASE WHEN a.sku IS NULL THEN s.push ELSE 'never' END
        ) AS target
    FROM push.listing l
    JOIN push.stock_target t
        ON t.business_id = l.business_id AND t.location_id = l.location_id AND t.sku = l.sku
    LEFT JOIN push.connection_rule c ON c.connection_id = l.connection_id
    LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
    LEFT JOIN push.left_alone a ON a.business_id = l.business_id AND a.location_id = l.location_id AND a.sku = l.sku
    WHERE l.connection_id = $1 AND l.state = 'matched'
        AND (l.target_revision < t.revision OR (l.confirmed_revision < t.revision AND l.due_at IS NULL))
    ORDER BY l.id
    FOR UPDATE OF l
)
UPDATE push.listing l SET
    target = locked.target,
    target_revision = locked.revision,
    target_taken = locked.taken,
    correlation_id = locked.correlation_id,
    -- The first target of a listing: sales that were counted before it may or may not be in what was read.
    confirmed = CASE WHEN l.target_revision = 0 AND locked.taken <> 0 THEN NULL ELSE l.confirmed END,
    due_at = CASE WHEN locked.target IS NOT NULL THEN least(l.due_at, now()) END
FROM locked WHERE l.id = locked.id;

-- name: end_moved_differences
-- An operator was asked about another SKU, or about an item that is not written to any more: there is nothing to decide.
WITH moved AS (
    SELECT l.id FROM push.listing l
    JOIN push.difference d ON d.listing_id = l.id AND d.state IN ('open', 'left')
    WHERE d.connection_id = $1 AND (l.state <> 'matched' OR l.sku IS DISTINCT FROM d.sku)
    ORDER BY l.id
    FOR UPDATE OF l
), released AS (
    UPDATE push.listing l SET held_since = NULL, hints = l.hints + 1 FROM moved WHERE l.id = moved.id
)
UPDATE push.difference d SET state = 'explained', decided_at = now()
FROM moved WHERE d.listing_id = moved.id AND d.state IN ('open', 'left');

-- name: note_hints
-- A store says that a quantity changed. Only what neither our belief nor the target explains is looked at, and not
-- before the order that may explain it has had time to arrive. $5: seconds to wait.
WITH hints AS (
    SELECT * FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::bigint[])
        AS h (connection_id, item_ref, place_ref, quantity)
), locked AS (
    SELECT l.id, hints.quantity
    FROM push.listing l
    JOIN hints ON hints.connection_id = l.connection_id AND hints.item_ref = l.item_ref
        AND hints.place_ref IS NOT DISTINCT FROM l.place_ref
    WHERE l.state = 'matched' AND l.target IS NOT NULL
        AND (hints.quantity IS NULL OR l.confirmed IS NULL OR (
            hints.quantity <> l.target AND hints.quantity <> l.confirmed + l.confirmed_taken - l.target_taken
        ))
    ORDER BY l.id
    FOR UPDATE OF l
)
UPDATE push.listing l SET
    hinted = locked.quantity,
    hints = l.hints + 1,
    must_read = true,
    due_at = least(l.due_at, now() + $5::double precision * interval '1 second')
FROM locked WHERE l.id = locked.id;

-- name: wake_workers
-- Heard by every replica when the transaction commits; several in one transaction are one.
SELECT pg_notify('prokip_push_due', '');
