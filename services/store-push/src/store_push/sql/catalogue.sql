-- name: next_catalogue_in_s
-- How long until a catalogue is due; NULL: none.
SELECT extract(epoch FROM min(c.due_at) - now())::double precision
FROM push.catalogue_read c JOIN push.connection_work w USING (connection_id) WHERE w.active;

-- name: claim_catalogue
-- One catalogue that is due; held until the transaction ends.
SELECT c.connection_id, w.business_id, c.consecutive_failures, clock_timestamp() AS claimed_at
FROM push.catalogue_read c JOIN push.connection_work w USING (connection_id)
WHERE w.active AND c.due_at <= now()
ORDER BY c.due_at
LIMIT 1
FOR UPDATE OF c SKIP LOCKED;

-- name: save_items
-- Part of a complete catalogue. A read number is taken as confirmed where nothing was confirmed yet, else as a hint
-- to look when it is neither believed nor the target. $11: seconds that an order has to explain a difference.
INSERT INTO push.listing AS l (
    business_id, connection_id, location_id, item_ref, parent_ref, place_ref, sku, held_by, state, reason,
    confirmed, confirmed_at
)
SELECT w.business_id, w.connection_id, w.location_id, n.item_ref, n.parent_ref, n.place_ref, n.sku, n.held_by, n.state,
    n.reason, n.quantity, CASE WHEN n.quantity IS NOT NULL THEN $2::timestamptz END
FROM push.connection_work w
CROSS JOIN unnest(
    $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[]
) AS n (item_ref, parent_ref, place_ref, sku, held_by, state, reason, quantity)
WHERE w.connection_id = $1
ORDER BY n.item_ref
ON CONFLICT (connection_id, item_ref) DO UPDATE SET
    parent_ref = EXCLUDED.parent_ref,
    held_by = EXCLUDED.held_by,
    reason = CASE WHEN l.state = EXCLUDED.state AND EXCLUDED.reason = '' THEN l.reason ELSE EXCLUDED.reason END,
    state = EXCLUDED.state,
    sku = EXCLUDED.sku,
    place_ref = EXCLUDED.place_ref,
    -- Another SKU or another place is another quantity: what was known of the old one says nothing.
    target = CASE WHEN l.sku IS DISTINCT FROM EXCLUDED.sku THEN NULL ELSE l.target END,
    target_revision = CASE WHEN l.sku IS DISTINCT FROM EXCLUDED.sku THEN 0 ELSE l.target_revision END,
    -- Where sales were counted before, it is not known which of them this number includes: a push has to look itself.
    confirmed = CASE
        WHEN l.sku IS DISTINCT FROM EXCLUDED.sku THEN EXCLUDED.confirmed
        WHEN l.confirmed IS NULL OR l.place_ref IS DISTINCT FROM EXCLUDED.place_ref
        THEN CASE WHEN l.target_taken = 0 THEN EXCLUDED.confirmed END
        ELSE l.confirmed
    END,
    confirmed_taken = CASE
        WHEN l.confirmed IS NULL OR l.sku IS DISTINCT FROM EXCLUDED.sku OR l.place_ref IS DISTINCT FROM EXCLUDED.place_ref
        THEN 0 ELSE l.confirmed_taken
    END,
    confirmed_revision = CASE
        WHEN l.confirmed IS NULL OR l.sku IS DISTINCT FROM EXCLUDED.sku OR l.place_ref IS DISTINCT FROM EXCLUDED.place_ref
        THEN 0 ELSE l.confirmed_revision
    END,
    must_read = l.must_read OR coalesce(l.target IS NOT NULL AND EXCLUDED.confirmed <> l.target
        AND EXCLUDED.confirmed <> l.confirmed + l.confirmed_taken - l.target_taken, false),
    -- A number that asks for a look is a hint like any other; an older one, explained since, must not answer for it.
    hinted = CASE
        WHEN l.target IS NOT NULL AND EXCLUDED.confirmed <> l.target
            AND EXCLUDED.confirmed <> l.confirmed + l.confirmed_taken - l.target_taken
        THEN EXCLUDED.confirmed ELSE l.hinted
    END,
    hints = CASE
        WHEN l.target IS NOT NULL AND EXCLUDED.confirmed <> l.target
            AND EXCLUDED.confirmed <> l.confirmed + l.confirmed_taken - l.target_taken
        THEN l.hints + 1 ELSE l.hints
    END,
    due_at = CASE
        WHEN EXCLUDED.state <> 'matched' THEN NULL
        WHEN l.target IS NOT NULL AND EXCLUDED.confirmed IS NOT NULL AND EXCLUDED.confirmed <> l.target
            AND EXCLUDED.confirmed <> l.confirmed + l.confirmed_taken - l.target_taken
        THEN least(l.due_at, now() + $11::double precision * interval '1 second')
        ELSE l.due_at
    END;

-- name: mark_gone
-- What a complete read did not name does not exist any more.
UPDATE push.listing SET state = 'gone', reason = 'no longer in the store''s catalogue', due_at = NULL
WHERE connection_id = $1 AND state <> 'gone'
    AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS named (item_ref) WHERE named.item_ref = listing.item_ref);

-- name: catalogue_done
-- The next complete read comes by itself.
UPDATE push.catalogue_read SET
    due_at = now() + $2::double precision * interval '1 second',
    consecutive_failures = 0,
    read_at = $3,
    tried_at = $3,
    items = $4,
    error = NULL
WHERE connection_id = $1;

-- name: catalogue_failed
-- Tried again after a pause.
UPDATE push.catalogue_read SET
    due_at = now() + $2::double precision * interval '1 second',
    consecutive_failures = consecutive_failures + 1,
    tried_at = $4,
    error = $3
WHERE connection_id = $1;
