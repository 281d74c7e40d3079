-- What a rebuild reads, in one snapshot, one business at a time; and how messages are kept for it.

-- name: businesses
-- Whoever has stock, orders or movements: three index probes each, however many rows they have.
WITH RECURSIVE business (id) AS (
    SELECT least(
        (SELECT min(business_id) FROM inventory.stock),
        (SELECT min(business_id) FROM inventory.orders),
        (SELECT min(business_id) FROM inventory.movement)
    )
    UNION ALL
    SELECT least(
        (SELECT min(business_id) FROM inventory.stock WHERE business_id > business.id),
        (SELECT min(business_id) FROM inventory.orders WHERE business_id > business.id),
        (SELECT min(business_id) FROM inventory.movement WHERE business_id > business.id)
    )
    FROM business WHERE business.id IS NOT NULL
)
SELECT id FROM business WHERE id IS NOT NULL;

-- name: balances
-- Every SKU's row against the sum of its movements, and the first movement whose balance after is not the sum so far:
-- {revision, sum, balance}.
SELECT coalesce(s.sku, m.sku) AS sku, coalesce(s.location_id, m.location_id) AS location_id,
    coalesce(s.base - s.taken, 0) AS available, coalesce(m.moved, 0) AS moved, coalesce(m.movements, 0) AS movements,
    m.broken
FROM (SELECT sku, location_id, base, taken FROM inventory.stock WHERE business_id = $1) AS s
FULL JOIN (
    SELECT sku, location_id, sum(delta) AS moved, count(*) AS movements,
        min(ARRAY[revision::numeric, running, balance_after]) FILTER (WHERE running <> balance_after) AS broken
    FROM (
        SELECT sku, location_id, revision, delta, balance_after,
            sum(delta) OVER (PARTITION BY sku, location_id ORDER BY revision) AS running
        FROM inventory.movement WHERE business_id = $1
    ) AS each
    GROUP BY sku, location_id
) AS m ON m.sku = s.sku AND m.location_id = s.location_id;

-- name: orders_of
-- The newest state of every order. Primary key.
SELECT business_id, connection_id, order_ref, location_id, order_number, status, modified_at, sold_at, needs_sweep,
    revision, due_revision, sale_state, lines, former_skus, told
FROM inventory.orders
WHERE business_id = $1;

-- name: stock_of
-- Every stock row. Primary key.
SELECT business_id, sku, location_id, base, taken, taken_by_connection, revision, observed_sequence, quantity,
    recorded, observed_at, role
FROM inventory.stock
WHERE business_id = $1;

-- name: recorded_since
-- When recording began and when the ledger first moved: only a record from before that can be replayed.
SELECT
    (SELECT at FROM inventory.recorded_messages WHERE business_id = $1 ORDER BY id LIMIT 1) AS recorded_at,
    (SELECT min(at) FROM inventory.movement WHERE business_id = $1) AS moved_at;

-- name: recorded_messages_of
-- In the order in which they were applied. Primary key.
SELECT lines FROM inventory.recorded_messages WHERE business_id = $1 ORDER BY id;

-- name: record_messages
-- One business's share of a batch; $2 is when the batch was begun.
INSERT INTO inventory.recorded_messages (business_id, at, messages, lines) VALUES ($1, $2, $3, $4);
