-- Looks at single products, between the complete reads of a catalogue.

-- name: note_products
-- Hints of products that differ from what the catalogue says. $3: how many items, NULL where it is not told; $4: by item,
-- {"sku": …, "tracked": …}. What was told before, and looked at, is not looked at again: a store may tell a thing in two
-- ways. Nothing is compared before the first read has begun.
INSERT INTO push.product_look AS k (connection_id, product_ref, told, hinted_at, due_at)
SELECT h.connection_id, h.product_ref, 
    h.items || CASE WHEN h.items_count IS NULL THEN '{}' ELSE jsonb_build_object('count', h.items_count) END,
    clock_timestamp(), now()
FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::jsonb[]) AS h (connection_id, product_ref, items_count, items)
JOIN push.catalogue_read c ON c.connection_id = h.connection_id AND (c.read_at IS NOT NULL OR c.cursor IS NOT NULL)
WHERE h.items_count <> (
        SELECT count(*) FROM push.catalogue_item i
        WHERE i.connection_id = h.connection_id AND i.product_ref = h.product_ref
    )
    OR EXISTS (
        SELECT FROM jsonb_each(h.items) AS told (item_ref, said)
        LEFT JOIN push.catalogue_item i
            ON i.connection_id = h.connection_id AND i.item_ref = told.item_ref AND i.product_ref = h.product_ref
        WHERE i.item_ref IS NULL
            OR i.sku IS DISTINCT FROM told.said ->> 'sku'
            OR (i.level_state = 'untracked' AND told.said -> 'tracked' = 'true')
            OR (i.level_state = 'own' AND told.said -> 'tracked' = 'false')
    )
ORDER BY h.connection_id, h.product_ref
ON CONFLICT (connection_id, product_ref) DO UPDATE SET
    told = k.told || EXCLUDED.told, hinted_at = EXCLUDED.hinted_at, due_at = EXCLUDED.due_at, consecutive_failures = 0
WHERE NOT k.told @> EXCLUDED.told;

-- name: wake_catalogue_readers
-- Heard by every replica when the transaction commits.
SELECT pg_notify('prokip_push_catalogue', '');

-- name: next_look_in_s
-- How long until a product is to be looked at; NULL: none.
SELECT extract(epoch FROM min(k.due_at) - now())::double precision
FROM push.product_look k JOIN push.connection_work w USING (connection_id) WHERE w.active;

-- name: lock_looks
-- One store some of whose products are to be looked at. Its catalogue is held, as by whoever reads a page of it (see
-- lock_catalogue), until the transaction ends: of two answers of the store the older one is never kept.
SELECT one.connection_id FROM (
    SELECT k.connection_id
    FROM push.product_look k JOIN push.connection_work w USING (connection_id)
    WHERE w.active AND k.due_at <= now()
    GROUP BY k.connection_id
    ORDER BY min(k.due_at)
    OFFSET 0
) one
WHERE pg_try_advisory_xact_lock(hashtextextended('push.catalogue', one.connection_id))
LIMIT 1;

-- name: claim_looks
-- The locked one as it is now.
SELECT w.connection_id, w.business_id, clock_timestamp() AS claimed_at
FROM push.connection_work w
WHERE w.connection_id = $1 AND w.active;

-- name: products_to_look_at
-- At most $2, the longest waiting first.
SELECT product_ref, hinted_at, consecutive_failures FROM push.product_look
WHERE connection_id = $1 AND due_at <= now() ORDER BY due_at, product_ref LIMIT $2;

-- name: read_whole_instead
-- Where so many products changed, reading them all is cheaper.
WITH left_to_it AS (
    UPDATE push.product_look SET due_at = NULL WHERE connection_id = $1
)
UPDATE push.catalogue_read SET hinted_at = clock_timestamp() WHERE connection_id = $1;

-- name: items_of_products
-- As the catalogue says.
SELECT item_ref, parent_ref, place_ref, sku, parent_sku, name, product_ref, variant_ref, price, level_state, quantity
FROM push.catalogue_item WHERE connection_id = $1 AND product_ref = ANY($2::text[]) ORDER BY item_ref;

-- name: forget_items
-- The store does not have them any more.
DELETE FROM push.catalogue_item WHERE connection_id = $1 AND item_ref = ANY($2::text[]);

-- name: mark_items_gone
-- In the order of ids, as every statement that locks listings does.
WITH locked AS (
    SELECT id FROM push.listing
    WHERE connection_id = $1 AND item_ref = ANY($2::text[]) AND state <> 'gone' ORDER BY id FOR UPDATE
)
UPDATE push.listing l SET state = 'gone', reason = 'no longer in the store''s catalogue', due_at = NULL
FROM locked WHERE l.id = locked.id;

-- name: looked_at
-- What was hinted meanwhile is looked at again. $3: when each was hinted that was looked at now.
UPDATE push.product_look k SET due_at = NULL, consecutive_failures = 0
FROM unnest($2::text[], $3::timestamptz[]) AS seen (product_ref, hinted_at)
WHERE k.connection_id = $1 AND k.product_ref = seen.product_ref AND k.hinted_at = seen.hinted_at;

-- name: look_failed
-- Tried again after a pause of $3 seconds.
UPDATE push.product_look SET
    due_at = now() + $3::double precision * interval '1 second', consecutive_failures = consecutive_failures + 1
WHERE connection_id = $1 AND product_ref = ANY($2::text[]);
