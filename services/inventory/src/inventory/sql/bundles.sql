-- Recipes: what SKUs are made of others, and what becomes of their stock rows when that changes.

-- name: seize_recipes
-- Alone with the recipes of a business, and with all of its stock, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('inventory.recipes', $1));

-- name: around_bundle
-- What has to be known before $2 is made of $3. Indexes: stock_pkey, bundle_part_pkey, bundle_part_part_idx.
SELECT
    EXISTS (
        SELECT FROM inventory.stock
        WHERE business_id = $1 AND sku = $2 AND observed_sequence IS NOT NULL
    ) AS held_by_prokip,
    ARRAY(SELECT sku FROM inventory.bundle_part WHERE business_id = $1 AND part = $2 ORDER BY sku LIMIT 1) AS part_of,
    ARRAY(
        SELECT DISTINCT sku FROM inventory.bundle_part WHERE business_id = $1 AND sku = ANY ($3::text[])
    ) AS bundles,
    coalesce((
        SELECT max(bundles) FROM (
            SELECT count(*) AS bundles FROM inventory.bundle_part
            WHERE business_id = $1 AND part = ANY ($3::text[]) AND sku <> $2
            GROUP BY part
        ) AS each
    ), 0) AS busiest;

-- name: recipe_of
-- Primary key.
SELECT json_object_agg(part, quantity::text) FROM inventory.bundle_part WHERE business_id = $1 AND sku = $2;

-- name: drop_recipe
DELETE FROM inventory.bundle_part WHERE business_id = $1 AND sku = $2;

-- name: write_recipe
INSERT INTO inventory.bundle_part (business_id, sku, part, quantity)
SELECT $1, $2, part, quantity FROM unnest($3::text[], $4::numeric[]) AS given (part, quantity);

-- name: note_change
INSERT INTO inventory.bundle_change (business_id, sku, parts, changed_by) VALUES ($1, $2, $3::json, $4) RETURNING id;

-- name: write_roles
-- Of SKUs ($2) whose recipes were changed, at every location. The recipes are seized, so nobody else has these rows.
UPDATE inventory.stock AS s SET role = now.role
FROM (
    SELECT sku, CASE
        WHEN EXISTS (SELECT FROM inventory.bundle_part AS b WHERE b.business_id = $1 AND b.sku = given.sku) THEN 'bundle'
        WHEN EXISTS (SELECT FROM inventory.bundle_part AS b WHERE b.business_id = $1 AND b.part = given.sku) THEN 'part'
    END AS role
    FROM unnest($2::text[]) AS given (sku)
) AS now
WHERE s.business_id = $1 AND s.sku = now.sku AND s.role IS DISTINCT FROM now.role;

-- name: locations_of
-- Where any of these SKUs is known. Primary key.
SELECT DISTINCT location_id FROM inventory.stock WHERE business_id = $1 AND sku = ANY ($2::text[]);
