-- The write path. Every transaction takes its locks in this order, each group sorted, so that no two ever wait for
-- each other in a circle:  connections (advisory)  <  held orders  <  new orders  <  changes of held orders  <  recipes of
-- a business (advisory)  <  stock of a location (advisory)  <  held stock  <  new stock  <  rows of locations. Stock comes
-- late, because everybody waits for that of a hot SKU. Who finds that another inserted its new row first gives up and begins
-- again, with that row among the held. An insert waits for whoever changes (not: locks) a row with its key, so that changes
-- come after inserts.
-- See docs/adr/0005-state-based-ledger.md.
-- Columns travel as array literals (text that is cast), because asyncpg looks into each element of an array parameter.

-- name: share_connections
-- Many batches of orders of one connection may run at a time, but not while its stock holders change ($1: ids, sorted).
SELECT pg_advisory_xact_lock_shared(hashtextextended('inventory.connection', connection_id))
FROM unnest($1::bigint[]) AS given (connection_id);

-- name: seize_connections
-- Alone with the orders of these connections ($1: ids, sorted) until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('inventory.connection', connection_id))
FROM unnest($1::bigint[]) AS given (connection_id);

-- name: any_holders
-- Whether any SKU of these stores takes its stock from another one; most stores have none. Index: stock_holder_pkey.
SELECT EXISTS (
    SELECT 1
    FROM unnest($1::text::bigint[], $2::text::bigint[]) AS given (business_id, connection_id)
    WHERE EXISTS (
        SELECT 1 FROM inventory.stock_holder AS h
        WHERE h.business_id = given.business_id AND h.connection_id = given.connection_id
    )
);

-- name: lock_orders
-- The held ones of the orders that a batch names.
SELECT o.business_id, o.connection_id, o.order_ref, o.location_id, o.order_number, o.status, o.modified_at, o.sold_at,
    o.needs_sweep, o.revision, o.due_revision, o.sale_state, o.lines, o.former_skus, o.told
FROM inventory.orders AS o
JOIN unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[]) AS given (business_id, connection_id, order_ref)
    ON o.business_id = given.business_id AND o.connection_id = given.connection_id AND o.order_ref = given.order_ref
ORDER BY o.business_id, o.connection_id, o.order_ref
FOR UPDATE OF o;

-- name: lock_orders_with_skus
-- The orders of some connections that name one of some SKUs; runs when a store says who holds its stock.
SELECT o.business_id, o.connection_id, o.order_ref, o.location_id, o.order_number, o.status, o.modified_at, o.sold_at,
    o.needs_sweep, o.revision, o.due_revision, o.sale_state, o.lines, o.former_skus, o.told
FROM inventory.orders AS o
WHERE (o.business_id, o.connection_id) IN (
        SELECT business_id, connection_id FROM unnest($1::text::bigint[], $2::text::bigint[]) AS pairs (business_id, connection_id)
    )
    AND EXISTS (
        SELECT 1
        FROM json_array_elements(o.lines) AS line
        JOIN unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[]) AS given (business_id, connection_id, sku)
            ON line ->> 'sku' = given.sku
        WHERE given.business_id = o.business_id AND given.connection_id = o.connection_id
    )
ORDER BY o.business_id, o.connection_id, o.order_ref
FOR UPDATE OF o;

-- name: holders_of
-- Which of these SKUs of these connections take their stock from another SKU.
SELECT h.business_id, h.connection_id, h.sku, h.held_by
FROM inventory.stock_holder AS h
JOIN unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[]) AS given (business_id, connection_id, sku)
    ON h.business_id = given.business_id AND h.connection_id = given.connection_id AND h.sku = given.sku;

-- name: untold_stock
-- Which of these SKUs Prokip has not told, or nobody has named yet, and whether their locations are told completely.
-- Without a lock: a SKU that has been told stays told, and one that is told meanwhile shows when it is locked.
-- `recipe`: of what it is made, if it is a bundle.
SELECT given.business_id, given.sku, given.location_id, coalesce(l.first_read_complete, false) AS unknown,
    (
        SELECT json_object_agg(b.part, b.quantity::text) FROM inventory.bundle_part AS b
        WHERE b.business_id = given.business_id AND b.sku = given.sku
    ) AS recipe
FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[]) AS given (business_id, sku, location_id)
LEFT JOIN inventory.stock AS s
    ON s.business_id = given.business_id AND s.sku = given.sku AND s.location_id = given.location_id
LEFT JOIN inventory.location AS l ON l.business_id = given.business_id AND l.location_id = given.location_id
WHERE s.observed_sequence IS NULL;

-- name: enter_locations
-- Alone with the stock of these locations, sorted, until the end of the transaction. Batches share so many SKUs that they
-- would follow each other anyway. Who waits here does so before its next statement looks: waiting for rows instead would
-- have Postgres fetch and check again each one that another batch has moved since, which costs more than moving it.
-- Shared with others, and exclusive against a change of recipes: neither may miss what the other has not committed yet.
SELECT pg_advisory_xact_lock_shared(hashtextextended('inventory.recipes', business_id)),
    pg_advisory_xact_lock(hashtextextended('inventory.stock ' || location_id, business_id))
FROM unnest($1::text::bigint[], $2::text::text[]) AS given (business_id, location_id);

-- name: lock_stock
-- The stock that a batch may move. Numbers travel as text: asyncpg takes longer to make a Decimal than Python does.
SELECT s.business_id, s.sku, s.location_id, s.base::text, s.taken::text, s.taken_by_connection, s.revision,
    s.observed_sequence, s.quantity::text, s.recorded::text, s.observed_at, s.role
FROM inventory.stock AS s
JOIN unnest($1::text::bigint[], $2::text::text[], $3::text::text[]) AS given (business_id, sku, location_id)
    ON s.business_id = given.business_id AND s.sku = given.sku AND s.location_id = given.location_id
ORDER BY s.business_id, s.sku, s.location_id
FOR UPDATE OF s;

-- name: read_stock
-- As it is, for those who only tell of it, and with the recipe and the parts of each bundle: in one statement, so that its
-- number goes with its revision. Orders that are locked were counted before, so it includes them.
WITH given AS (
    SELECT * FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[]) AS given (business_id, sku, location_id)
), needed AS (
    SELECT business_id, sku, location_id FROM given
    UNION
    SELECT business_id, b.part, given.location_id FROM given JOIN inventory.bundle_part AS b USING (business_id, sku)
)
SELECT s.business_id, s.sku, s.location_id, s.base::text, s.taken::text, s.taken_by_connection, s.revision,
    s.observed_sequence, s.quantity::text, s.recorded::text, s.observed_at, s.role,
    CASE WHEN s.role = 'bundle' THEN (
        SELECT json_object_agg(b.part, b.quantity::text) FROM inventory.bundle_part AS b
        WHERE b.business_id = s.business_id AND b.sku = s.sku
    ) END AS recipe
FROM inventory.stock AS s JOIN needed USING (business_id, sku, location_id);

-- name: create_stock
-- Rows for SKUs at their first mention, sorted. One that is not returned was inserted by another replica a moment ago.
INSERT INTO inventory.stock (business_id, sku, location_id, sku_folded, search_grams, role)
SELECT business_id, sku, location_id, sku_folded, ARRAY(SELECT json_array_elements_text(grams::json)),
    CASE
        WHEN EXISTS (
            SELECT FROM inventory.bundle_part AS b WHERE b.business_id = given.business_id AND b.sku = given.sku
        ) THEN 'bundle'
        WHEN EXISTS (
            SELECT FROM inventory.bundle_part AS b WHERE b.business_id = given.business_id AND b.part = given.sku
        ) THEN 'part'
    END
FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[])
    AS given (business_id, sku, location_id, sku_folded, grams)
ORDER BY business_id, sku COLLATE "C", location_id COLLATE "C"
ON CONFLICT DO NOTHING
RETURNING business_id, sku, location_id, role;

-- name: bundles_around
-- The bundles that one of these SKUs is, or is part of, with all of their parts; asked only where the locked stock says
-- that there are any. Under the locks of enter_locations, so that no recipe changes.
WITH given AS (
    SELECT DISTINCT business_id, sku FROM unnest($1::text::bigint[], $2::text::text[]) AS g (business_id, sku)
)
SELECT b.business_id, b.sku, json_object_agg(b.part, b.quantity::text) AS recipe
FROM inventory.bundle_part AS b
WHERE (b.business_id, b.sku) IN (
    SELECT given.business_id, given.sku FROM given
    UNION ALL
    SELECT p.business_id, p.sku FROM inventory.bundle_part AS p
    JOIN given ON p.business_id = given.business_id AND p.part = given.sku
)
GROUP BY b.business_id, b.sku
ORDER BY b.business_id, b.sku;

-- name: update_orders
-- Orders that this transaction has locked, as decided.
UPDATE inventory.orders AS o
SET order_number = given.order_number, status = given.status, modified_at = given.modified_at,
    needs_sweep = given.needs_sweep, revision = given.revision, due_revision = given.due_revision,
    sale_state = given.sale_state, lines = given.lines::json,
    former_skus = given.former_skus::json, told = given.told::json
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::timestamptz[], $7::text::boolean[],
    $8::text::bigint[], $9::text::bigint[], $10::text::text[], $11::text::text[], $12::text::text[], $13::text::text[])
    AS given (business_id, connection_id, order_ref, order_number, status, modified_at, needs_sweep, revision,
        due_revision, sale_state, lines, former_skus, told)
WHERE o.business_id = given.business_id AND o.connection_id = given.connection_id AND o.order_ref = given.order_ref;

-- name: write_stock
-- Absolute values, computed under the lock of these rows; $12 is now.
UPDATE inventory.stock AS s
SET base = given.base::numeric, taken = given.taken::numeric, taken_by_connection = given.taken_by_connection::json,
    revision = given.revision, observed_sequence = given.observed_sequence, quantity = given.quantity::numeric,
    recorded = given.recorded::numeric, observed_at = given.observed_at,
    changed_at = CASE WHEN s.revision = given.revision THEN s.changed_at ELSE $12 END
FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::bigint[],
    $9::text::text[], $10::text::text[], $11::text::timestamptz[])
    AS given (business_id, sku, location_id, base, taken, taken_by_connection, revision, observed_sequence, quantity,
        recorded, observed_at)
WHERE s.business_id = given.business_id AND s.sku = given.sku AND s.location_id = given.location_id;

-- name: take_stock
-- As write_stock, for what orders change; $7 is now.
UPDATE inventory.stock AS s
SET taken = given.taken::numeric, taken_by_connection = given.taken_by_connection::json, revision = given.revision,
    changed_at = $7
FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::bigint[])
    AS given (business_id, sku, location_id, taken, taken_by_connection, revision)
WHERE s.business_id = given.business_id AND s.sku = given.sku AND s.location_id = given.location_id;

-- name: count_gaps
-- What a batch adds to the counts of its stores' webhooks; numbers may be below zero. New rows, folded into the hours
-- later (gaps.sql), so that batches of one store never wait for each other here.
INSERT INTO inventory.webhook_gap_added (
    business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order
)
SELECT business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::timestamptz[], $4::text::integer[],
    $5::text::integer[], $6::text::integer[], $7::text::integer[], $8::text::integer[])
    AS given (business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order);

-- name: note_reading_parts
-- Parts of whole readings for locations that are not told completely yet; which readings are all here now. The batch
-- holds the location's stock, so that two replicas with a part each do not both miss the other's.
WITH given AS (
    SELECT DISTINCT g.business_id, g.location_id, g.sequence, g.part, g.parts
    FROM unnest($1::text::bigint[], $2::text::text[], $3::text::bigint[], $4::text::integer[], $5::text::integer[])
        AS g (business_id, location_id, sequence, part, parts)
    WHERE NOT EXISTS (
        SELECT 1 FROM inventory.location AS l
        WHERE l.business_id = g.business_id AND l.location_id = g.location_id AND l.first_read_complete
    )
), noted AS (
    INSERT INTO inventory.first_reading_part (business_id, location_id, sequence, part)
    SELECT business_id, location_id, sequence, part FROM given
    ORDER BY business_id, location_id COLLATE "C", sequence, part
    ON CONFLICT DO NOTHING
)
SELECT g.business_id, g.location_id FROM given AS g
GROUP BY g.business_id, g.location_id, g.sequence, g.parts
HAVING g.parts = (
    SELECT count(*) FROM (
        SELECT p.part FROM inventory.first_reading_part AS p
        WHERE p.business_id = g.business_id AND p.location_id = g.location_id AND p.sequence = g.sequence
        UNION
        SELECT x.part FROM given AS x
        WHERE x.business_id = g.business_id AND x.location_id = g.location_id AND x.sequence = g.sequence
    ) AS here
);

-- name: forget_reading_parts
-- The locations are told completely: nobody counts any more.
DELETE FROM inventory.first_reading_part AS p
USING unnest($1::text::bigint[], $2::text::text[]) AS given (business_id, location_id)
WHERE p.business_id = given.business_id AND p.location_id = given.location_id;

-- name: complete_locations
-- Prokip has told these locations completely. Sorted; rows that say so already are not even locked.
INSERT INTO inventory.location (business_id, location_id, first_read_complete)
SELECT business_id, location_id, true FROM unnest($1::text::bigint[], $2::text::text[]) AS given (business_id, location_id)
WHERE NOT EXISTS (
    SELECT 1 FROM inventory.location AS l
    WHERE l.business_id = given.business_id AND l.location_id = given.location_id AND l.first_read_complete
)
ORDER BY business_id, location_id COLLATE "C"
ON CONFLICT (business_id, location_id) DO UPDATE SET first_read_complete = true;

-- name: write_holders
-- Who holds which SKU's stock in a store; its connection is seized.
INSERT INTO inventory.stock_holder (business_id, connection_id, sku, held_by)
SELECT business_id, connection_id, sku, held_by
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[], $4::text::text[]) AS given (business_id, connection_id, sku, held_by)
ORDER BY business_id, connection_id, sku COLLATE "C"
ON CONFLICT (business_id, connection_id, sku) DO UPDATE SET held_by = excluded.held_by;

-- name: lock_sale_logs
-- What the sales log holds about the orders that Prokip's answers name.
SELECT o.business_id, o.connection_id, o.order_ref, o.due_revision, o.answered_revision, o.sale_state,
    o.prokip_sell_id, o.sale_detail
FROM inventory.orders AS o
JOIN unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[]) AS given (business_id, connection_id, order_ref)
    ON o.business_id = given.business_id AND o.connection_id = given.connection_id AND o.order_ref = given.order_ref
ORDER BY o.business_id, o.connection_id, o.order_ref
FOR UPDATE OF o;

-- name: write_sale_logs
-- Prokip's newest answers, into orders that this transaction has locked.
UPDATE inventory.orders AS o
SET answered_revision = given.answered_revision, sale_state = given.sale_state, prokip_sell_id = given.prokip_sell_id,
    sale_detail = given.sale_detail
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[], $4::text::bigint[], $5::text::text[], $6::text::text[], $7::text::text[])
    AS given (business_id, connection_id, order_ref, answered_revision, sale_state, prokip_sell_id, sale_detail)
WHERE o.business_id = given.business_id AND o.connection_id = given.connection_id AND o.order_ref = given.order_ref;
