-- name: next_catalogue_in_s
-- How long until a catalogue is due; NULL: none. $1: seconds between two reads that hints of unknown items ask for.
SELECT extract(epoch FROM min(
    CASE
        WHEN c.consecutive_failures > 0 OR c.cursor IS NOT NULL THEN c.due_at
        WHEN c.wanted_at > coalesce(c.tried_at, '-infinity') THEN least(c.due_at, c.wanted_at)
        WHEN c.hinted_at > c.tried_at THEN least(c.due_at, c.tried_at + $1::double precision * interval '1 second')
        ELSE c.due_at
    END
) - now())::double precision
FROM push.catalogue_read c JOIN push.connection_work w USING (connection_id) WHERE w.active;

-- name: lock_catalogue
-- One catalogue that is due, or of which a read is unfinished, and that nobody is at; held until the transaction ends, which
-- is a page. No row lock, as in lock_sweep; and whoever wants a catalogue read again must not wait until a store answers.
SELECT one.connection_id FROM (
    SELECT c.connection_id
    FROM push.catalogue_read c JOIN push.connection_work w USING (connection_id)
    WHERE w.active AND (
        c.due_at <= now()
        OR (
            c.consecutive_failures = 0 AND c.cursor IS NULL AND (
                c.wanted_at > coalesce(c.tried_at, '-infinity')
                OR (c.hinted_at > c.tried_at AND c.tried_at <= now() - $1::double precision * interval '1 second')
            )
        )
    )
    ORDER BY c.due_at
    OFFSET 0 -- in this order, and no lock is asked for a catalogue that is not due
) one
WHERE pg_try_advisory_xact_lock(hashtextextended('push.catalogue', one.connection_id))
LIMIT 1;

-- name: claim_catalogue
-- The locked one as it is now: whoever held it before may have read it meanwhile.
SELECT c.connection_id, w.business_id, c.consecutive_failures, clock_timestamp() AS claimed_at, c.cursor, c.begun_at,
    c.counted
FROM push.catalogue_read c JOIN push.connection_work w USING (connection_id)
WHERE c.connection_id = $2 AND w.active AND (
    c.due_at <= now()
    OR (
        c.consecutive_failures = 0 AND c.cursor IS NULL AND (
            c.wanted_at > coalesce(c.tried_at, '-infinity')
            OR (c.hinted_at > c.tried_at AND c.tried_at <= now() - $1::double precision * interval '1 second')
        )
    )
);

-- name: save_page
-- What one page said. The newest read wins; a name twice on a page is one item.
INSERT INTO push.catalogue_item (
    connection_id, item_ref, parent_ref, place_ref, sku, parent_sku, name, product_ref, variant_ref, price, level_state,
    quantity, read_at
)
SELECT $1, n.*, $2
FROM unnest(
    $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::numeric[],
    $12::text[], $13::bigint[]
) AS n (
    item_ref, parent_ref, place_ref, sku, parent_sku, name, product_ref, variant_ref, price, level_state, quantity
)
ON CONFLICT (connection_id, item_ref) DO UPDATE SET
    parent_ref = EXCLUDED.parent_ref,
    place_ref = EXCLUDED.place_ref,
    sku = EXCLUDED.sku,
    parent_sku = EXCLUDED.parent_sku,
    name = EXCLUDED.name,
    product_ref = EXCLUDED.product_ref,
    variant_ref = EXCLUDED.variant_ref,
    price = EXCLUDED.price,
    level_state = EXCLUDED.level_state,
    quantity = EXCLUDED.quantity,
    read_at = EXCLUDED.read_at;

-- name: page_done
-- More pages are left: the read goes on at $2, at once.
UPDATE push.catalogue_read SET
    cursor = $2, begun_at = $3, counted = $4, total = $5, due_at = now(), consecutive_failures = 0, error = NULL
WHERE connection_id = $1;

-- name: unread_items
-- What a complete read did not name: deleted in the store, or moved between its pages while they were read.
SELECT item_ref, parent_ref, place_ref FROM push.catalogue_item
WHERE connection_id = $1 AND read_at < $2 ORDER BY item_ref LIMIT $3;

-- name: keep_items
-- They are there all the same.
UPDATE push.catalogue_item SET read_at = $2 WHERE connection_id = $1 AND item_ref = ANY($3::text[]);

-- name: forget_unread_items
-- A complete read did not name them.
DELETE FROM push.catalogue_item WHERE connection_id = $1 AND read_at < $2;

-- name: read_items
-- All that the catalogue says.
SELECT item_ref, parent_ref, place_ref, sku, parent_sku, name, product_ref, variant_ref, price, level_state, quantity
FROM push.catalogue_item WHERE connection_id = $1 ORDER BY item_ref;

-- name: choices
-- What operators said about this store's items.
SELECT item_ref, kind, sku FROM push.item_choice WHERE connection_id = $1;

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
-- The next complete read comes by itself; this one has seen whatever was told of single products before it began.
WITH seen AS (
    DELETE FROM push.product_look WHERE connection_id = $1 AND hinted_at < $3
)
UPDATE push.catalogue_read SET
    due_at = now() + $2::double precision * interval '1 second',
    consecutive_failures = 0,
    read_at = $3,
    tried_at = $3,
    items = $4,
    cursor = NULL,
    begun_at = NULL,
    counted = $5,
    total = $6,
    error = NULL
WHERE connection_id = $1;

-- name: catalogue_failed
-- Tried again after a pause, at the page where it failed ($5, $6: NULL where it begins anew); at once if it was wanted
-- meanwhile.
UPDATE push.catalogue_read SET
    due_at = CASE WHEN wanted_at > $4 THEN now() ELSE now() + $2::double precision * interval '1 second' END,
    consecutive_failures = CASE WHEN wanted_at > $4 THEN 0 ELSE consecutive_failures + 1 END,
    tried_at = $4,
    cursor = $5,
    begun_at = $6,
    error = $3
WHERE connection_id = $1;

-- name: note_unknown_items
-- Hints of items that are not in the catalogue as it was read: products that are new. Rows that somebody is changing are
-- left alone: that is a reader who is done, or somebody who wants the catalogue read.
UPDATE push.catalogue_read SET hinted_at = clock_timestamp()
WHERE connection_id IN (
    SELECT c.connection_id FROM push.catalogue_read c
    WHERE c.read_at IS NOT NULL AND c.connection_id IN (
        SELECT h.connection_id
        FROM unnest($1::bigint[], $2::text[]) AS h (connection_id, item_ref)
        WHERE NOT EXISTS (
            SELECT FROM push.catalogue_item i WHERE i.connection_id = h.connection_id AND i.item_ref = h.item_ref
        )
    )
    ORDER BY c.connection_id
    FOR UPDATE SKIP LOCKED
);
