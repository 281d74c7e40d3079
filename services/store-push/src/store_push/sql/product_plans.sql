-- name: begin_plan
-- One open plan a store: a second one is refused by product_plan_open_idx.
INSERT INTO push.product_plan (business_id, connection_id, wishes)
SELECT w.business_id, w.connection_id, $3::jsonb FROM push.connection_work w
WHERE w.business_id = $1 AND w.connection_id = $2 AND w.platform <> 'custom'
RETURNING id;

-- name: wake_plans
-- Heard by every replica when the transaction commits.
SELECT pg_notify('prokip_push_plan', '');

-- name: next_plan_in_s
-- How long until a plan goes on; NULL: none does.
SELECT extract(epoch FROM min(due_at) - now())::double precision FROM push.product_plan
WHERE state IN ('reading', 'running', 'undoing');

-- name: claim_plan
-- One plan that goes on; held until the transaction ends, which is a page or a product.
SELECT id, business_id, connection_id, state, wishes, page, products_read, consecutive_failures
FROM push.product_plan
WHERE state IN ('reading', 'running', 'undoing') AND due_at <= now()
ORDER BY due_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: go_on
-- The next step comes after those of others.
UPDATE push.product_plan SET due_at = clock_timestamp(), consecutive_failures = 0, error = NULL WHERE id = $1;

-- name: page_read
-- One page of Prokip's products was compared; $2 the next one, NULL after the last: the plan is ready.
UPDATE push.product_plan SET
    state = CASE WHEN $2::integer IS NULL THEN 'ready' ELSE state END,
    since = CASE WHEN $2::integer IS NULL THEN now() ELSE since END,
    page = coalesce($2, page), products_read = products_read + $3, products_total = $4,
    due_at = clock_timestamp(), consecutive_failures = 0, error = NULL
WHERE id = $1;

-- name: plan_failed
-- Goes on after a pause, where it was.
UPDATE push.product_plan SET
    due_at = now() + $2::double precision * interval '1 second', consecutive_failures = consecutive_failures + 1,
    error = $3
WHERE id = $1;

-- name: set_plan_state
-- It ends, or an operator said something.
UPDATE push.product_plan SET
    state = $2, since = now(), due_at = now(), consecutive_failures = 0, error = NULL
WHERE id = $1;

-- name: lock_plan
-- For an operator's word.
SELECT state, connection_id, wishes FROM push.product_plan WHERE business_id = $1 AND id = $2 FOR UPDATE;

-- name: items_with_skus
-- What the store's catalogue has of some SKUs.
SELECT item_ref, parent_ref, place_ref, sku, parent_sku, name, product_ref, variant_ref, price, level_state, quantity
FROM push.catalogue_item WHERE connection_id = $1 AND sku = ANY($2::text[]) ORDER BY item_ref;

-- name: save_plan_items
-- What is to be done; a product that moved between pages is planned once.
INSERT INTO push.product_plan_item (
    plan_id, product_id, name, product, choice, action, why, planned, state, product_ref
)
SELECT $1, n.* FROM unnest(
    $2::bigint[], $3::text[], $4::jsonb[], $5::jsonb[], $6::text[], $7::text[], $8::jsonb[], $9::text[], $10::text[]
) AS n (product_id, name, product, choice, action, why, planned, state, product_ref)
ON CONFLICT (plan_id, product_id) DO NOTHING;

-- name: next_plan_item
-- What is to be done next ($2: planned), or undone ($2: done).
SELECT id, product_id, name, product, choice, planned, product_ref FROM push.product_plan_item
WHERE plan_id = $1 AND state = $2 ORDER BY id LIMIT 1;

-- name: settle_plan_item
-- What became of it.
UPDATE push.product_plan_item SET
    state = $2, product_ref = coalesce($3, product_ref), result = $4, changed_at = clock_timestamp()
WHERE id = $1;

-- name: plan_item
-- One item of a plan.
SELECT id, product_id, name, product, choice, planned, product_ref FROM push.product_plan_item
WHERE plan_id = $1 AND id = $2;

-- name: replan_item
-- An operator chose something for it.
UPDATE push.product_plan_item SET
    choice = $2, action = $3, why = $4, planned = $5, state = $6, product_ref = $7, changed_at = clock_timestamp()
WHERE id = $1;

-- name: forget_plan
-- Ended long ago.
DELETE FROM push.product_plan WHERE id IN (
    SELECT id FROM push.product_plan
    WHERE state IN ('done', 'stopped', 'undone', 'discarded') AND since < now() - $1::double precision * interval '1 day'
    LIMIT $2
);

-- name: plans
-- Page through the plans of one business, newest first.
SELECT p.id, p.connection_id, p.state, p.since, p.wishes, p.products_read, p.products_total, p.created_at, p.error,
    coalesce((
        SELECT jsonb_object_agg(g.name, g.items) FROM (
            SELECT CASE WHEN i.state IN ('planned', 'left') THEN i.action ELSE i.state END AS name, count(*) AS items
            FROM push.product_plan_item i WHERE i.plan_id = p.id GROUP BY 1
        ) g
    ), '{}') AS counts
FROM push.product_plan p
WHERE p.business_id = $1 AND ($2::bigint IS NULL OR p.connection_id = $2) AND ($3::bigint IS NULL OR p.id = $3)
    AND ($4::bigint IS NULL OR p.id < $4)
ORDER BY p.id DESC
LIMIT $5;

-- name: plan_items
-- Page through what a plan does, in the order in which it is done.
SELECT i.id, i.product_id, i.name, i.product, i.choice, i.action, i.why, i.planned, i.state, i.product_ref, i.result,
    i.changed_at
FROM push.product_plan_item i JOIN push.product_plan p ON p.id = i.plan_id
WHERE p.business_id = $1 AND i.plan_id = $2 AND i.id > $3
    AND ($4::text IS NULL OR i.action = $4) AND ($5::text IS NULL OR i.state = $5)
    AND ($6::text IS NULL OR strpos(lower(i.name), lower($6)) > 0 OR strpos(lower(i.product::text), lower($6)) > 0)
ORDER BY i.id
LIMIT $7;
