-- name: locations
-- Every location of a business, with how its sales stand. Index: sale_unrecorded_idx.
SELECT
    held.location_id, held.sequence, held.first_read_complete, held.next_poll_at, held.last_read_at, held.health,
    held.reason, held.failures, held.blocked_until, held.skus, held.skus_missing, held.rows_without_sku, held.left_out,
    coalesce(counted.sales, '{}') AS sales,
    (
        SELECT jsonb_object_agg(alone.reason, alone.number)
        FROM (
            SELECT reason, count(*) AS number FROM prokip.left_alone
            WHERE left_alone.business_id = $1 AND left_alone.location_id = held.location_id
            GROUP BY reason
        ) AS alone
    ) AS left_alone,
    (
        SELECT count(*) FROM prokip.held_back
        WHERE held_back.business_id = $1 AND held_back.location_id = held.location_id
    ) AS held_back_skus,
    (
        SELECT read_id FROM prokip.stock_read AS waiting
        WHERE waiting.business_id = $1 AND waiting.location_id = held.location_id AND waiting.state = 'held'
    ) AS held_read_id
FROM prokip.location AS held
LEFT JOIN (
    SELECT location_id, jsonb_object_agg(state, number) AS sales
    FROM (
        SELECT location_id, state, count(*) AS number FROM prokip.sale
        WHERE business_id = $1 AND state <> 'recorded'
        GROUP BY location_id, state
    ) AS by_state
    GROUP BY location_id
) AS counted USING (location_id)
WHERE held.business_id = $1
ORDER BY held.location_id;

-- name: sale_records
-- One page of a business's orders in one state (NULL: all), newest change first, before the given place.
-- Indexes: sale_unrecorded_idx, sale_changed_idx.
SELECT
    sale.connection_id, sale.order_ref, sale.location_id, sale.order_number, sale.order_status, sale.sold_at,
    sale.revision, sale.lines, sale.state, sale.attempts,
    sale.next_attempt_at, sale.detail, sale.changed_at,
    (
        SELECT posting.sell_id FROM prokip.sale_posting AS posting
        WHERE posting.business_id = sale.business_id AND posting.connection_id = sale.connection_id
            AND posting.order_ref = sale.order_ref AND posting.kind = 'sell' AND posting.outcome = 'recorded'
            AND posting.sell_id IS NOT NULL
        ORDER BY posting.posting_id DESC LIMIT 1
    ) AS prokip_sell_id,
    doubt.posting_id AS doubt_posting_id, coalesce(doubt.looks, 0) AS looks, doubt.next_look_at,
    coalesce(doubt.look_words, '') AS look_words
FROM prokip.sale
LEFT JOIN LATERAL (
    SELECT posting_id, looks, next_look_at, look_words FROM prokip.sale_posting AS posting
    WHERE sale.state = 'in_doubt' AND posting.outcome = 'in_doubt' AND posting.business_id = sale.business_id
        AND posting.connection_id = sale.connection_id AND posting.order_ref = sale.order_ref
    ORDER BY posting.posting_id DESC LIMIT 1
) AS doubt ON true
WHERE business_id = $1 AND ($2::text IS NULL OR state = $2)
    AND (changed_at, connection_id, order_ref) < ($3::timestamptz, $4::bigint, $5::text)
ORDER BY changed_at DESC, connection_id DESC, order_ref DESC
LIMIT $6;

-- name: sale_record
-- One order.
SELECT
    sale.connection_id, sale.order_ref, sale.location_id, sale.order_number, sale.order_status, sale.sold_at,
    sale.revision, sale.lines, sale.state, sale.attempts,
    sale.next_attempt_at, sale.detail, sale.changed_at,
    (
        SELECT posting.sell_id FROM prokip.sale_posting AS posting
        WHERE posting.business_id = sale.business_id AND posting.connection_id = sale.connection_id
            AND posting.order_ref = sale.order_ref AND posting.kind = 'sell' AND posting.outcome = 'recorded'
            AND posting.sell_id IS NOT NULL
        ORDER BY posting.posting_id DESC LIMIT 1
    ) AS prokip_sell_id,
    doubt.posting_id AS doubt_posting_id, coalesce(doubt.looks, 0) AS looks, doubt.next_look_at,
    coalesce(doubt.look_words, '') AS look_words
FROM prokip.sale
LEFT JOIN LATERAL (
    SELECT posting_id, looks, next_look_at, look_words FROM prokip.sale_posting AS posting
    WHERE sale.state = 'in_doubt' AND posting.outcome = 'in_doubt' AND posting.business_id = sale.business_id
        AND posting.connection_id = sale.connection_id AND posting.order_ref = sale.order_ref
    ORDER BY posting.posting_id DESC LIMIT 1
) AS doubt ON true
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3;

-- name: postings_of_order
-- Every request about one order, oldest first. Index: sale_posting_order_idx.
SELECT
    posting_id, revision, kind, refund_of, reference, units, outcome, sell_id, answer, by_hand, started_at, ended_at,
    looks, next_look_at, look_words
FROM prokip.sale_posting
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3
ORDER BY posting_id;

-- name: reads
-- One page of a business's reads that changed something or were held, in one state (NULL: all), newest first, before
-- the given id. Indexes: stock_read_list_idx, held_back_read_idx.
SELECT
    read_id, location_id, sequence, state, held_for, known_skus, named_skus, changed_skus, zeroed_skus, began_at,
    decided_at, named_before_skus,
    (SELECT count(*) FROM prokip.held_back WHERE held_back.read_id = read.read_id) AS held_back_skus
FROM prokip.stock_read AS read
WHERE business_id = $1 AND state <> 'reading' AND ($2::text IS NULL OR state = $2) AND read_id < $3
ORDER BY read_id DESC
LIMIT $4;

-- name: read_exists
-- Whether the business has this read.
SELECT 1 FROM prokip.stock_read WHERE business_id = $1 AND read_id = $2 AND state <> 'reading';

-- name: read_changes
-- One page of what a read changes, in SKU order, after the given SKU.
SELECT sku, before_quantity, before_recorded, after_quantity, after_recorded
FROM prokip.read_change
WHERE business_id = $1 AND read_id = $2 AND sku > $3
ORDER BY sku
LIMIT $4;

-- name: held_back
-- One page of SKUs whose base in Prokip is not told because a person said so, with what is told instead.
SELECT
    held_back.location_id, held_back.sku, held_back.base, held_back.read_id,
    sent.quantity + sent.recorded AS told_base
FROM prokip.held_back
LEFT JOIN prokip.sku_snapshot AS sent USING (business_id, location_id, sku)
WHERE business_id = $1 AND (location_id, sku) > ($2, $3)
ORDER BY location_id, sku
LIMIT $4;

-- name: left_alone
-- One page of SKUs that Prokip tells no quantity for.
SELECT location_id, sku, reason
FROM prokip.left_alone
WHERE business_id = $1 AND (location_id, sku) > ($2, $3)
ORDER BY location_id, sku
LIMIT $4;

-- name: gauges
-- What the metrics show of every business.
SELECT
    held.business_id, held.location_id, held.health,
    coalesce(extract(epoch FROM now() - held.last_read_at), 0)::float8 AS read_age_s,
    held.skus, (SELECT count(*) FROM jsonb_object_keys(held.left_out)) AS left_out,
    (
        SELECT count(*) FROM prokip.stock_read AS waiting
        WHERE waiting.business_id = held.business_id AND waiting.location_id = held.location_id
            AND waiting.state = 'held'
    ) AS held_reads
FROM prokip.location AS held;

-- name: sale_gauges
-- Orders that are not recorded, by business and state. Index: sale_unrecorded_idx.
SELECT business_id, state, count(*) AS sales FROM prokip.sale WHERE state <> 'recorded' GROUP BY business_id, state;

-- name: doubt_gauges
-- Requests in doubt, by business and by who settles them. Index: sale_posting_open_idx.
SELECT business_id, CASE WHEN next_look_at IS NULL THEN 'person' ELSE 'look' END AS settled_by, count(*) AS doubts
FROM prokip.sale_posting
WHERE outcome = 'in_doubt'
GROUP BY 1, 2;
