-- name: catalogue_state
-- How the reading of one business's store goes.
SELECT w.connection_id, w.platform, c.cursor IS NOT NULL AS reading, c.begun_at, c.counted, c.total, c.read_at, c.items,
    c.due_at, c.error, c.consecutive_failures
FROM push.connection_work w LEFT JOIN push.catalogue_read c USING (connection_id)
WHERE w.business_id = $1 AND w.connection_id = $2;

-- name: matching
-- Page through what a store has and what Prokip has at its location, in the order of SKUs: $3 a kind, $4 part of the SKU
-- or the name, $5 and $6 after which one. Items without a SKU come first.
WITH told AS (
    SELECT t.sku, t.available FROM push.stock_target t JOIN push.connection_work w
        ON t.business_id = w.business_id AND t.location_id = w.location_id
    WHERE w.business_id = $1 AND w.connection_id = $2
), listed AS (
    SELECT l.id, l.item_ref, l.parent_ref, l.sku, i.sku AS store_sku, coalesce(i.name, '') AS name, l.state,
        CASE WHEN l.state = 'matched' THEN coalesce(a.reason, l.reason) ELSE l.reason END
            AS reason,
        l.target, l.confirmed + l.confirmed_taken - l.target_taken AS believed, told.available,
        o.kind AS choice, coalesce(s.push, 'on') AS rule, w.active, f.state AS plan, l.held_since IS NOT NULL AS asked,
        coalesce(b.parts <> '{}', false) AS bundle,
        CASE WHEN told.available IS NULL THEN (
            SELECT min(part.sku) FROM unnest(b.parts) AS part (sku)
            WHERE NOT EXISTS (
                SELECT FROM push.stock_target p WHERE p.business_id = l.business_id
                    AND p.location_id = coalesce(w.own_location_id, w.location_id) AND p.sku = part.sku
                    AND p.available IS NOT NULL
            )
        ) END AS lacks,
        CASE
            WHEN l.state <> 'matched' THEN l.state
            WHEN s.push <> 'on' THEN 'rule'
            WHEN a.sku IS NOT NULL THEN 'left_alone'
            WHEN told.available IS NULL AND b.parts = '{}' THEN 'only_in_store'
            WHEN told.sku IS NULL AND b.sku IS NULL THEN 'only_in_store'
            WHEN told.available IS NULL THEN 'no_quantity'
            ELSE 'matched'
        END AS kind
    FROM push.listing l
    JOIN push.connection_work w ON w.connection_id = l.connection_id
    LEFT JOIN push.first_quantities f ON f.connection_id = l.connection_id
    LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
    LEFT JOIN push.catalogue_item i ON i.connection_id = l.connection_id AND i.item_ref = l.item_ref
    LEFT JOIN push.item_choice o ON o.connection_id = l.connection_id AND o.item_ref = l.item_ref
    LEFT JOIN told ON told.sku = l.sku
    LEFT JOIN push.bundle b ON b.business_id = l.business_id AND b.sku = l.sku
    LEFT JOIN push.left_alone a ON a.business_id = l.business_id
        AND a.location_id = coalesce(w.own_location_id, w.location_id) AND a.sku = l.sku
    WHERE l.business_id = $1 AND l.connection_id = $2
), missing AS (
    SELECT NULL::bigint AS id, '' AS item_ref, NULL::text AS parent_ref, told.sku, NULL::text AS store_sku, '' AS name,
        NULL::text AS state, '' AS reason, NULL::bigint AS target, NULL::numeric AS believed, told.available,
        NULL::text AS choice, 'on' AS rule, true AS active, NULL::text AS plan, false AS asked,
        false AS bundle, NULL::text AS lacks,
        'only_in_prokip' AS kind
    FROM told
    WHERE told.available IS NOT NULL AND NOT EXISTS (
        SELECT FROM push.listing l WHERE l.connection_id = $2 AND l.sku = told.sku AND l.state <> 'gone'
    ) AND NOT EXISTS (SELECT FROM push.bundle b WHERE b.business_id = $1 AND b.sku = told.sku AND b.parts <> '{}')
)
SELECT * FROM (SELECT * FROM listed UNION ALL SELECT * FROM missing) both_sides
WHERE ($3::text IS NULL OR kind = $3)
    AND ($4::text IS NULL OR strpos(lower(sku), lower($4)) > 0 OR strpos(lower(name), lower($4)) > 0)
    AND (coalesce(sku, ''), item_ref) > ($5::text, $6::text)
ORDER BY coalesce(sku, ''), item_ref
LIMIT $7;

-- name: matching_counts
-- How many of each kind; as `matching` has them.
WITH told AS (
    SELECT t.sku, t.available FROM push.stock_target t JOIN push.connection_work w
        ON t.business_id = w.business_id AND t.location_id = w.location_id
    WHERE w.business_id = $1 AND w.connection_id = $2
)
SELECT CASE
        WHEN l.state <> 'matched' THEN l.state
        WHEN s.push <> 'on' THEN 'rule'
        WHEN a.sku IS NOT NULL THEN 'left_alone'
        WHEN told.available IS NULL AND b.parts = '{}' THEN 'only_in_store'
        WHEN told.sku IS NULL AND b.sku IS NULL THEN 'only_in_store'
        WHEN told.available IS NULL THEN 'no_quantity'
        ELSE 'matched'
    END AS kind, count(*) AS items
FROM push.listing l
JOIN push.connection_work w ON w.connection_id = l.connection_id
LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
LEFT JOIN told ON told.sku = l.sku
LEFT JOIN push.bundle b ON b.business_id = l.business_id AND b.sku = l.sku
LEFT JOIN push.left_alone a ON a.business_id = l.business_id
    AND a.location_id = coalesce(w.own_location_id, w.location_id) AND a.sku = l.sku
WHERE l.business_id = $1 AND l.connection_id = $2
GROUP BY 1
UNION ALL
SELECT 'only_in_prokip', count(*) FROM told
WHERE told.available IS NOT NULL AND NOT EXISTS (
    SELECT FROM push.listing l WHERE l.connection_id = $2 AND l.sku = told.sku AND l.state <> 'gone'
) AND NOT EXISTS (SELECT FROM push.bundle b WHERE b.business_id = $1 AND b.sku = told.sku AND b.parts <> '{}')
HAVING count(*) > 0;

-- name: item_of_listing
-- The store's item behind one listing, locked with its connection's other choices by the caller.
SELECT l.connection_id, l.item_ref, w.location_id, o.kind, o.sku AS chosen_sku
FROM push.listing l
JOIN push.connection_work w USING (connection_id)
LEFT JOIN push.item_choice o ON o.connection_id = l.connection_id AND o.item_ref = l.item_ref
WHERE l.business_id = $1 AND l.id = $2;

-- name: items_meaning
-- Items that have one of these SKUs, or are linked to one; and the named ones.
SELECT i.item_ref, i.parent_ref, i.place_ref, i.sku, i.parent_sku, i.name, i.product_ref, i.variant_ref, i.price,
    i.level_state, i.quantity
FROM push.catalogue_item i
WHERE i.connection_id = $1 AND (
    i.sku = ANY($2::text[])
    OR i.item_ref IN (SELECT o.item_ref FROM push.item_choice o WHERE o.connection_id = $1 AND o.sku = ANY($2::text[]))
    OR i.item_ref = ANY($3::text[])
)
ORDER BY i.item_ref;

-- name: known_in_prokip
-- Whether Prokip has told a quantity of this SKU at the location.
SELECT EXISTS (
    SELECT FROM push.stock_target WHERE business_id = $1 AND location_id = $2 AND sku = $3 AND available IS NOT NULL
);

-- name: save_choice
-- The last word counts.
INSERT INTO push.item_choice (connection_id, item_ref, kind, sku) VALUES ($1, $2, $3, $4)
ON CONFLICT (connection_id, item_ref) DO UPDATE SET
    kind = EXCLUDED.kind, sku = EXCLUDED.sku, chosen_at = now();

-- name: drop_choice
-- Back to what the catalogue says.
DELETE FROM push.item_choice WHERE connection_id = $1 AND item_ref = $2;
