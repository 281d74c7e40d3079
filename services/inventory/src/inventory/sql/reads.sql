-- The read API. Pages are keyset pages: the next one starts after the last row of this one.

-- name: list_stock
-- A business's SKUs in the order in which people look for them; $7: only of this state. Index: stock_folded_idx.
SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
FROM inventory.stock_state
WHERE business_id = $1 AND ($2::text IS NULL OR location_id = $2)
    AND (sku_folded, sku, location_id) > ($3::text, $4::text, $5::text)
    AND ($7::text IS NULL OR state = $7)
ORDER BY sku_folded, sku, location_id
LIMIT $6;

-- name: list_stock_by_prefix
-- As list_stock, for SKUs that start with a text too short for its pieces: from $8 up to before $9.
-- Index: stock_folded_idx.
SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
FROM inventory.stock_state
WHERE business_id = $1 AND ($2::text IS NULL OR location_id = $2)
    AND (sku_folded, sku, location_id) > ($3::text, $4::text, $5::text)
    AND ($7::text IS NULL OR state = $7)
    AND sku_folded >= $8 AND ($9::text IS NULL OR sku_folded < $9)
ORDER BY sku_folded, sku, location_id
LIMIT $6;

-- name: search_stock
-- As list_stock, for SKUs that contain $8; $9 are its three-letter pieces. The pieces find candidates, the position
-- decides. Materialized, so that a short page is not hunted for along the order of all SKUs. Index: stock_grams_idx.
WITH found AS MATERIALIZED (
    SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
    FROM inventory.stock_state
    WHERE search_grams @> $9::text[] AND business_id = $1 AND position($8 IN sku_folded) > 0
)
SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
FROM found
WHERE ($2::text IS NULL OR location_id = $2)
    AND (sku_folded, sku, location_id) > ($3::text, $4::text, $5::text)
    AND ($7::text IS NULL OR state = $7)
ORDER BY sku_folded, sku, location_id
LIMIT $6;

-- name: list_untold_stock
-- SKUs that Prokip has not told, in one of the two states that this can mean ($7); whose name contains $8.
-- Index: stock_unmatched_idx.
SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
FROM inventory.stock_state
WHERE business_id = $1 AND NOT matched AND ($2::text IS NULL OR location_id = $2)
    AND (sku_folded, sku, location_id) > ($3::text, $4::text, $5::text)
    AND state = $7 AND position($8 IN sku_folded) > 0
ORDER BY sku_folded, sku, location_id
LIMIT $6;

-- name: list_oversold_stock
-- SKUs of which more was sold than there is ($7: their state); whose name contains $8. Index: stock_oversold_idx.
SELECT sku, location_id, sku_folded, base, taken, revision, quantity, recorded, observed_at, changed_at, matched, state
FROM inventory.stock_state
WHERE business_id = $1 AND oversold AND ($2::text IS NULL OR location_id = $2)
    AND (sku_folded, sku, location_id) > ($3::text, $4::text, $5::text)
    AND state = $7 AND position($8 IN sku_folded) > 0
ORDER BY sku_folded, sku, location_id
LIMIT $6;

-- name: stock_of_sku
-- One SKU at every location that has it, or at location $3. Primary key.
SELECT business_id, sku, location_id, base, taken, taken_by_connection, revision, observed_sequence, quantity,
    recorded, observed_at, changed_at, matched, state, role
FROM inventory.stock_state
WHERE business_id = $1 AND sku = $2 AND ($3::text IS NULL OR location_id = $3)
ORDER BY location_id;

-- name: list_movements
-- One SKU's history, newest first, with the orders' numbers. Primary keys of both tables, the first backwards.
SELECT m.revision, m.at, m.reason, m.connection_id, m.order_ref, o.order_number, m.delta, m.balance_after,
    m.correlation_id
FROM inventory.movement AS m
LEFT JOIN inventory.orders AS o
    ON o.business_id = m.business_id AND o.connection_id = m.connection_id AND o.order_ref = m.order_ref
WHERE m.business_id = $1 AND m.sku = $2 AND m.location_id = $3 AND m.revision < $4
ORDER BY m.revision DESC
LIMIT $5;

-- name: movement_at
-- The movement that had made a SKU's balance at the moment $4, and whether Prokip had told a quantity by then. Found by
-- halving the revisions: a SKU's times rise with them, and an index on the time would cost every sale half an insert
-- more. Each step is one probe of the primary key, about log2(revision) in all.
WITH RECURSIVE halving (low, high) AS (
    SELECT 0::bigint, max(revision) FROM inventory.movement WHERE business_id = $1 AND sku = $2 AND location_id = $3
    UNION ALL
    SELECT
        CASE WHEN probe.at <= $4 THEN probe.revision ELSE halving.low END,
        CASE WHEN probe.at <= $4 THEN halving.high ELSE halving.low + (halving.high - halving.low + 1) / 2 - 1 END
    FROM halving
    CROSS JOIN LATERAL (
        SELECT m.revision, m.at FROM inventory.movement AS m
        WHERE m.business_id = $1 AND m.sku = $2 AND m.location_id = $3
            AND m.revision >= halving.low + (halving.high - halving.low + 1) / 2
        ORDER BY m.revision
        LIMIT 1
    ) AS probe
    WHERE halving.low < halving.high
), found AS (
    SELECT max(low) AS revision FROM halving
)
SELECT m.revision, m.at, m.reason, m.connection_id, m.order_ref, o.order_number, m.delta, m.balance_after,
    m.correlation_id,
    (
        SELECT true FROM inventory.movement AS reading
        WHERE reading.business_id = $1 AND reading.sku = $2 AND reading.location_id = $3
            AND reading.revision <= m.revision AND reading.reason = 'prokip'
        ORDER BY reading.revision
        LIMIT 1
    ) IS NOT NULL AS told
FROM found
JOIN inventory.movement AS m
    ON m.business_id = $1 AND m.sku = $2 AND m.location_id = $3 AND m.revision = found.revision
LEFT JOIN inventory.orders AS o
    ON o.business_id = m.business_id AND o.connection_id = m.connection_id AND o.order_ref = m.order_ref;

-- name: orders_holding_units
-- The orders of a SKU's newest $4 movements, newest first. Primary keys of both tables.
WITH newest AS (
    SELECT connection_id, order_ref, revision FROM inventory.movement
    WHERE business_id = $1 AND sku = $2 AND location_id = $3 AND order_ref IS NOT NULL
    ORDER BY revision DESC
    LIMIT $4
), named AS (
    SELECT connection_id, order_ref, max(revision) AS newest_revision FROM newest GROUP BY connection_id, order_ref
)
SELECT o.business_id, o.connection_id, o.order_ref, o.location_id, o.order_number, o.status, o.modified_at, o.sold_at,
    o.needs_sweep, o.revision, o.due_revision, o.sale_state, o.sale_detail, o.lines, o.former_skus, o.told
FROM named
JOIN inventory.orders AS o
    ON o.business_id = $1 AND o.connection_id = named.connection_id AND o.order_ref = named.order_ref
ORDER BY named.newest_revision DESC;

-- name: troubled_orders
-- Orders whose sale waits for a person, of whatever SKU and however old; $2 at most. Index: orders_troubled_idx.
SELECT business_id, connection_id, order_ref, location_id, order_number, status, modified_at, sold_at, needs_sweep,
    revision, due_revision, sale_state, sale_detail, lines, former_skus, told
FROM inventory.orders
WHERE business_id = $1 AND sale_state IN ('in_doubt', 'refused', 'return_unsupported')
ORDER BY sale_state DESC, sold_at DESC, connection_id DESC, order_ref DESC
LIMIT $2;

-- name: list_sales
-- The sales log, newest first. Index: orders_sold_at_idx, backwards.
SELECT connection_id, order_ref, location_id, order_number, status, sold_at, needs_sweep, revision, due_revision,
    sale_state, prokip_sell_id, sale_detail, lines
FROM inventory.orders
WHERE business_id = $1 AND ($2::bigint IS NULL OR connection_id = $2)
    AND (sold_at, connection_id, order_ref) < ($3::timestamptz, $4::bigint, $5::text)
    AND ($7::text IS NULL OR sale_state = $7)
ORDER BY sold_at DESC, connection_id DESC, order_ref DESC
LIMIT $6;

-- name: list_troubled_sales
-- As list_sales, for the states in which a sale waits for a person. Index: orders_troubled_idx, backwards.
SELECT connection_id, order_ref, location_id, order_number, status, sold_at, needs_sweep, revision, due_revision,
    sale_state, prokip_sell_id, sale_detail, lines
FROM inventory.orders
WHERE business_id = $1 AND ($2::bigint IS NULL OR connection_id = $2)
    AND (sold_at, connection_id, order_ref) < ($3::timestamptz, $4::bigint, $5::text)
    AND sale_state = $7 AND sale_state IN ('in_doubt', 'refused', 'return_unsupported')
ORDER BY sold_at DESC, connection_id DESC, order_ref DESC
LIMIT $6;

-- name: read_sale
-- One order. Primary key.
SELECT connection_id, order_ref, location_id, order_number, status, sold_at, needs_sweep, revision, due_revision,
    sale_state, prokip_sell_id, sale_detail, lines
FROM inventory.orders
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3;

-- name: count_stock
-- Rows of the stock table by what is known of them. Indexes: stock_folded_idx, stock_unmatched_idx, stock_oversold_idx.
SELECT
    (SELECT count(*) FROM inventory.stock WHERE business_id = $1) AS skus,
    (SELECT count(*) FROM inventory.stock WHERE business_id = $1 AND oversold) AS oversold,
    (
        SELECT count(*) FROM inventory.stock AS s
        JOIN inventory.location AS l
            ON l.business_id = s.business_id AND l.location_id = s.location_id AND l.first_read_complete
        WHERE s.business_id = $1 AND NOT s.matched AND s.role IS DISTINCT FROM 'bundle'
    ) AS unmatched,
    (
        SELECT count(*) FROM inventory.stock
        WHERE business_id = $1 AND NOT matched AND role IS DISTINCT FROM 'bundle'
    ) AS untold;

-- name: count_sales_since
-- Orders that were sold since a moment and hold, or held, something. Index: orders_sold_at_idx.
SELECT count(*) FROM inventory.orders WHERE business_id = $1 AND sold_at >= $2 AND due_revision > 0;

-- name: count_troubled_sales
-- Sales that wait for a person, by state. Index: orders_troubled_idx.
SELECT sale_state, count(*) AS orders FROM inventory.orders
WHERE business_id = $1 AND sale_state IN ('in_doubt', 'refused', 'return_unsupported')
GROUP BY sale_state;

-- name: list_bundles
-- In the order of SKUs; $2: after which one. Index: bundle_part_pkey.
SELECT b.sku, b.recipe, c.changed_by, c.at AS changed_at
FROM (
    SELECT sku, json_object_agg(part, quantity::text) AS recipe FROM inventory.bundle_part
    WHERE business_id = $1 AND sku > $2 GROUP BY sku ORDER BY sku LIMIT $3
) AS b
CROSS JOIN LATERAL (
    SELECT changed_by, at FROM inventory.bundle_change
    WHERE business_id = $1 AND sku = b.sku ORDER BY id DESC LIMIT 1
) AS c
ORDER BY b.sku;

-- name: stock_of_skus
-- Every row of some SKUs, for what bundles make of them. Primary key.
SELECT sku, location_id, matched, CASE WHEN matched THEN base - taken END AS available
FROM inventory.stock WHERE business_id = $1 AND sku = ANY ($2::text[])
ORDER BY sku, location_id;

-- name: recipes_of
-- What each of these SKUs is made of. Primary key.
SELECT sku, json_object_agg(part, quantity::text) AS recipe FROM inventory.bundle_part
WHERE business_id = $1 AND sku = ANY ($2::text[])
GROUP BY sku;
