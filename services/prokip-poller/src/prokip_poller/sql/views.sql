-- name: locations
-- Every location of a business, with how its sales stand. Index: sale_unrecorded_idx.
SELECT
    held.location_id, held.sequence, held.first_read_complete, held.next_poll_at, held.last_read_at, held.health,
    held.reason, held.failures, held.blocked_until, held.skus, held.skus_missing, held.rows_without_sku, held.left_out,
    coalesce(counted.sales, '{}') AS sales
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
-- One page of a business's orders in one state (NULL: all), oldest change first, after the given place.
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
    AND (changed_at, connection_id, order_ref) > ($3::timestamptz, $4::bigint, $5::text)
ORDER BY changed_at, connection_id, order_ref
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

-- name: gauges
-- What the metrics show of every business.
SELECT
    held.business_id, held.location_id, held.health,
    coalesce(extract(epoch FROM now() - held.last_read_at), 0)::float8 AS read_age_s,
    held.skus, (SELECT count(*) FROM jsonb_object_keys(held.left_out)) AS left_out
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
