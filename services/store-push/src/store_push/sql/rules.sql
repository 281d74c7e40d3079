-- name: own_connection
-- Whether the store is this business's and connected. Primary key.
SELECT platform FROM push.connection_work WHERE connection_id = $1 AND business_id = $2;

-- name: unified_connections
-- Stores that show the stock of all locations. Index: connection_rule_unified_idx.
SELECT connection_id FROM push.connection_rule WHERE locations = 'all';

-- name: store_rule
-- The rule of one store, and whether its listings are still being given it.
SELECT r.buffer, r.shown_max, r.locations, r.differences,
    EXISTS (SELECT FROM push.rule_application a WHERE a.connection_id = r.connection_id) AS applying
FROM push.connection_rule r
WHERE r.connection_id = $1 AND r.business_id = $2;

-- name: save_store_rule
-- The whole rule of one store.
INSERT INTO push.connection_rule (connection_id, business_id, buffer, shown_max, locations, differences)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (connection_id) DO UPDATE SET
    buffer = EXCLUDED.buffer, shown_max = EXCLUDED.shown_max, locations = EXCLUDED.locations,
    differences = EXCLUDED.differences;

-- name: sku_rule
-- What differs for one SKU in one store.
SELECT buffer, shown_max, push FROM push.sku_rule WHERE connection_id = $1 AND sku = $2 AND business_id = $3;

-- name: sku_rules
-- Page through a store's SKUs with a rule of their own. Primary key.
SELECT sku, buffer, shown_max, push FROM push.sku_rule
WHERE connection_id = $1 AND business_id = $2 AND sku > $3
ORDER BY sku
LIMIT $4;

-- name: save_sku_rule
INSERT INTO push.sku_rule (connection_id, sku, business_id, buffer, shown_max, push) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (connection_id, sku) DO UPDATE SET
    buffer = EXCLUDED.buffer, shown_max = EXCLUDED.shown_max, push = EXCLUDED.push;

-- name: forget_sku_rule
-- It says no more than the store's own.
DELETE FROM push.sku_rule WHERE connection_id = $1 AND sku = $2 AND business_id = $3;

-- name: note_change
INSERT INTO push.rule_change (business_id, connection_id, sku, before, after, changed_by)
VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6);

-- name: changes
-- Page through who changed what, newest first. Index: rule_change_connection_idx.
SELECT id, sku, before, after, changed_by, at FROM push.rule_change
WHERE business_id = $1 AND connection_id = $2 AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4;

-- name: ask_application
-- All of a store's listings are to be given its rule, from the first again.
INSERT INTO push.rule_application (connection_id, business_id) VALUES ($1, $2)
ON CONFLICT (connection_id) DO UPDATE SET after_id = 0, asked_at = now();

-- name: wake_applier
SELECT pg_notify('prokip_push_rules', '');

-- name: applications_waiting
SELECT EXISTS (SELECT FROM push.rule_application);

-- name: next_application
-- Without a lock: it is looked at again once the business's listings are locked.
SELECT connection_id, business_id FROM push.rule_application ORDER BY asked_at, connection_id LIMIT 1;

-- name: application_place
-- How far it is; no row: another replica has finished it.
SELECT after_id FROM push.rule_application WHERE connection_id = $1 FOR UPDATE;

-- name: go_on_after
UPDATE push.rule_application SET after_id = $2 WHERE connection_id = $1;

-- name: end_application
DELETE FROM push.rule_application WHERE connection_id = $1;

-- name: apply_rules
-- Gives some listings of a store what the rules make of the newest stock: those of SKU $3, or of every SKU. Only those
-- whose number changes become due. $5: what was known of the store's quantity is of no use. Rows are locked in the order
-- of their ids, as mark_due does. Answers how far it came and how many it changed.
WITH locked AS (
    SELECT l.id,
        push.shown(
            t.available, coalesce(s.buffer, c.buffer), coalesce(s.shown_max, c.shown_max),
            CASE WHEN a.sku IS NULL THEN s.push ELSE 'never' END
        ) AS target
    FROM push.listing l
    LEFT JOIN push.stock_target t ON t.business_id = l.business_id AND t.location_id = l.location_id AND t.sku = l.sku
    LEFT JOIN push.connection_rule c ON c.connection_id = l.connection_id
    LEFT JOIN push.sku_rule s ON s.connection_id = l.connection_id AND s.sku = l.sku
    LEFT JOIN push.left_alone a ON a.business_id = l.business_id AND a.location_id = l.location_id AND a.sku = l.sku
    WHERE l.connection_id = $1 AND l.id > $2 AND ($3::text IS NULL OR l.sku = $3)
    ORDER BY l.id
    LIMIT $4
    FOR UPDATE OF l
), changed AS (
    UPDATE push.listing l SET
        target = locked.target,
        confirmed = CASE WHEN $5 THEN NULL ELSE l.confirmed END,
        confirmed_revision = CASE WHEN $5 THEN 0 ELSE l.confirmed_revision END,
        gap = CASE WHEN NOT $5 THEN l.gap END,
        gap_taken = CASE WHEN NOT $5 THEN l.gap_taken END,
        gap_since = CASE WHEN NOT $5 THEN l.gap_since END,
        due_at = CASE WHEN l.state = 'matched' AND locked.target IS NOT NULL THEN least(l.due_at, now()) END
    FROM locked
    WHERE l.id = locked.id AND l.target IS DISTINCT FROM locked.target
    RETURNING l.id
)
SELECT (SELECT max(id) FROM locked) AS last_id, (SELECT count(*) FROM locked) AS looked_at,
    (SELECT count(*) FROM changed) AS changed;

-- name: release_held
-- Nobody is asked any more: what waits for a decision is judged as everywhere else.
WITH locked AS (
    SELECT id FROM push.listing WHERE connection_id = $1 AND held_since IS NOT NULL ORDER BY id FOR UPDATE
), released AS (
    UPDATE push.listing l SET held_since = NULL, must_read = true, hints = l.hints + 1, due_at = now()
    FROM locked WHERE l.id = locked.id
)
UPDATE push.difference SET state = 'pushed', decided_by = $2, decided_at = now()
WHERE connection_id = $1 AND state IN ('open', 'left');

-- name: differences
-- Page through what operators are asked, newest first. Index: difference_business_idx.
SELECT d.id, d.connection_id, d.sku, d.expected, d.shown, d.target, d.cause, d.state, d.decided_by, d.decided_at, d.at,
    l.target AS target_now
FROM push.difference d
LEFT JOIN push.listing l ON l.id = d.listing_id
WHERE d.business_id = $1 AND ($2::bigint IS NULL OR d.id < $2) AND ($3::bigint IS NULL OR d.connection_id = $3)
    AND ($4::text IS NULL OR d.state = $4)
ORDER BY d.id DESC
LIMIT $5;

-- name: difference
-- What state it is in. Primary key.
SELECT state, listing_id FROM push.difference WHERE id = $1 AND business_id = $2;

-- name: lock_listing
-- Before its difference, as a push does.
SELECT id FROM push.listing WHERE id = $1 FOR UPDATE;

-- name: decide_difference
-- No row: it has been decided, or has gone away. One that was left may be pushed yet.
UPDATE push.difference SET state = $3, decided_by = $4, decided_at = now()
WHERE id = $1 AND business_id = $2 AND (state = 'open' OR (state = 'left' AND $3 = 'pushed'))
RETURNING listing_id;

-- name: push_over
-- Prokip's number is written over whatever the store shows; an order that comes late may explain it yet (drifted_at).
UPDATE push.listing SET
    held_since = NULL, confirmed = NULL, gap = NULL, gap_taken = NULL, gap_since = NULL, drifted_at = now(),
    must_read = true, hints = hints + 1, due_at = CASE WHEN state = 'matched' AND target IS NOT NULL THEN now() END
WHERE id = $1;
