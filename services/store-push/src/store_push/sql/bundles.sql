-- name: save_bundles
-- The newest change of each SKU wins, in whatever order they arrive. $4: the parts as a JSON array.
INSERT INTO push.bundle AS b (business_id, sku, version, parts)
SELECT business_id, sku, version, ARRAY(SELECT jsonb_array_elements_text(parts::jsonb))
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS given (business_id, sku, version, parts)
ORDER BY business_id, sku
ON CONFLICT (business_id, sku) DO UPDATE SET version = EXCLUDED.version, parts = EXCLUDED.parts
WHERE b.version < EXCLUDED.version;
