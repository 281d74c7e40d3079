-- name: start_first_quantities
-- For stores that were connected; a custom one tells no levels, so there is nothing to compare.
INSERT INTO push.first_quantities (connection_id)
SELECT w.connection_id FROM push.connection_work w
WHERE w.connection_id = ANY($1::bigint[]) AND w.platform <> 'custom'
ORDER BY w.connection_id
ON CONFLICT (connection_id) DO NOTHING;

-- name: begin_first_quantities_again
-- The store sells from elsewhere now: what it is to show is as new as when it was connected.
UPDATE push.first_quantities SET state = 'waiting', since = now(), targets = 0, targets_since = now(), reason = ''
WHERE connection_id = $1;

-- name: waiting_first_quantities
-- Plans that can be judged soon: the catalogue was read since they began, and Prokip has told quantities.
SELECT f.connection_id, w.business_id, f.targets, f.targets_since, t.told, clock_timestamp() AS looked_at
FROM push.first_quantities f
JOIN push.connection_work w USING (connection_id)
JOIN push.catalogue_read c USING (connection_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS told FROM push.stock_target t
    WHERE t.business_id = w.business_id AND t.location_id = w.location_id AND t.available IS NOT NULL
) t
WHERE f.state = 'waiting' AND c.read_at IS NOT NULL AND t.told > 0
ORDER BY f.connection_id
FOR UPDATE OF f SKIP LOCKED;

-- name: note_targets
-- More quantities have come meanwhile: not yet.
UPDATE push.first_quantities SET targets = $2, targets_since = clock_timestamp() WHERE connection_id = $1;

-- name: first_tally
-- What would be written to a store: $1 its connection. What it shows is not known of every listing; that is a change.
SELECT count(*) AS listings,
    count(*) FILTER (WHERE l.confirmed + l.confirmed_taken - l.target_taken IS DISTINCT FROM l.target) AS changed,
    count(*) FILTER (WHERE l.target = 0 AND l.confirmed + l.confirmed_taken - l.target_taken > 0) AS zeroed
FROM push.listing l
WHERE l.connection_id = $1 AND l.state = 'matched' AND l.target IS NOT NULL;

-- name: judge_first_quantities
-- What was found; workers wake when the transaction commits.
UPDATE push.first_quantities SET
    state = $2, since = now(), listings = $3, changed = $4, zeroed = $5, reason = $6
WHERE connection_id = $1;

-- name: first_quantities
-- Of one business's store. While it is open the counts are today's; afterwards those of the decision.
SELECT f.connection_id, f.state, f.since, f.listings, f.changed, f.zeroed, f.reason
FROM push.first_quantities f JOIN push.connection_work w USING (connection_id)
WHERE w.business_id = $1 AND f.connection_id = $2;

-- name: held_first_quantities
-- Which stores of one business wait for a decision.
SELECT f.connection_id, f.state, f.since, f.listings, f.changed, f.zeroed, f.reason
FROM push.first_quantities f JOIN push.connection_work w USING (connection_id)
WHERE w.business_id = $1 AND f.state IN ('held', 'refused')
ORDER BY f.connection_id;

-- name: first_changes
-- Page through what would be written and differs from what the store shows, in the order of SKUs.
SELECT l.id, l.sku, coalesce(i.name, '') AS name, l.confirmed + l.confirmed_taken - l.target_taken AS shows, l.target
FROM push.listing l
JOIN push.connection_work w USING (connection_id)
LEFT JOIN push.catalogue_item i ON i.connection_id = l.connection_id AND i.item_ref = l.item_ref
WHERE w.business_id = $1 AND l.connection_id = $2 AND l.state = 'matched' AND l.target IS NOT NULL
    AND l.confirmed + l.confirmed_taken - l.target_taken IS DISTINCT FROM l.target
    AND l.sku > $3
ORDER BY l.sku
LIMIT $4;

-- name: lock_first_quantities
-- For a decision.
SELECT f.state FROM push.first_quantities f JOIN push.connection_work w USING (connection_id)
WHERE w.business_id = $1 AND f.connection_id = $2
FOR UPDATE OF f;

-- name: decide_first_quantities
-- What an operator said.
UPDATE push.first_quantities SET state = $2, since = now() WHERE connection_id = $1;
