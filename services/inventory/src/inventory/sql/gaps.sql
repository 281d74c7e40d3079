-- The meter of webhooks: what the write path counted (ledger.sql: count_gaps), by hour.

-- name: fold_gaps
-- Puts at most $1 of the rows that batches added into their hours; how many there were, 0 also while another replica does
-- it. Rows that are added meanwhile stay for the next time.
WITH gone AS (
    DELETE FROM inventory.webhook_gap_added
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM inventory.webhook_gap_added LIMIT $1))
        AND pg_try_advisory_xact_lock(hashtextextended('inventory.fold_gaps', 0))
    RETURNING business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order
), folded AS (
    INSERT INTO inventory.webhook_gap AS held (
        business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order
    )
    SELECT business_id, connection_id, hour, sum(changes), sum(missed), sum(late), sum(duplicates), sum(out_of_order)
    FROM gone GROUP BY business_id, connection_id, hour
    ON CONFLICT (business_id, connection_id, hour) DO UPDATE
    SET changes = held.changes + excluded.changes, missed = held.missed + excluded.missed,
        late = held.late + excluded.late, duplicates = held.duplicates + excluded.duplicates,
        out_of_order = held.out_of_order + excluded.out_of_order
)
SELECT count(*) FROM gone;

-- name: prune_gaps
-- Hours older than $1 days, and those that a store's clock put far into the future.
DELETE FROM inventory.webhook_gap
WHERE hour < now() - $1::double precision * interval '1 day' OR hour > now() + interval '2 days';

-- name: gap_hours
-- The hours of one store since $3, oldest first. Index: webhook_gap_pkey.
SELECT hour, sum(changes)::bigint AS changes, sum(missed)::bigint AS missed, sum(late)::bigint AS late,
    sum(duplicates)::bigint AS duplicates, sum(out_of_order)::bigint AS out_of_order
FROM inventory.webhook_gaps
WHERE business_id = $1 AND connection_id = $2 AND hour >= $3
GROUP BY hour
ORDER BY hour;

-- name: gaps_of_stores
-- The counts of every store since $2; $1: of one business only. Index: webhook_gap_pkey.
SELECT business_id, connection_id, sum(changes)::bigint AS changes, sum(missed)::bigint AS missed,
    sum(late)::bigint AS late, sum(duplicates)::bigint AS duplicates, sum(out_of_order)::bigint AS out_of_order
FROM inventory.webhook_gaps
WHERE ($1::bigint IS NULL OR business_id = $1) AND hour >= $2
GROUP BY business_id, connection_id
ORDER BY business_id, connection_id;
