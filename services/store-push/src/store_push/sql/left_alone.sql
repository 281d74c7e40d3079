-- name: businesses
-- Whose goods matter here.
SELECT DISTINCT business_id FROM push.connection_work ORDER BY business_id;

-- name: save_left_alone
-- The poller's newest word replaces what it said before; how many SKUs it changes something for. Nothing is written where
-- nothing changed. A bundle has a number of its own, whatever Prokip does with a product of its SKU.
WITH news AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[]) AS n (location_id, sku, reason)
    WHERE NOT EXISTS (SELECT FROM push.bundle b WHERE b.business_id = $1 AND b.sku = n.sku AND b.parts <> '{}')
), gone AS (
    DELETE FROM push.left_alone a
    WHERE a.business_id = $1
        AND NOT EXISTS (SELECT FROM news n WHERE n.location_id = a.location_id AND n.sku = a.sku)
    RETURNING a.sku
), saved AS (
    INSERT INTO push.left_alone AS a (business_id, location_id, sku, reason)
    SELECT $1, n.location_id, n.sku, n.reason FROM news n
    ORDER BY n.location_id, n.sku
    ON CONFLICT (business_id, location_id, sku) DO UPDATE SET reason = EXCLUDED.reason
    WHERE a.reason <> EXCLUDED.reason
    RETURNING a.sku
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM saved);

-- name: apply_left_alone
-- What is written to the business's stores changes with it: as a rule of a whole store does.
INSERT INTO push.rule_application (connection_id, business_id)
SELECT w.connection_id, w.business_id FROM push.connection_work w WHERE w.business_id = $1 ORDER BY w.connection_id
ON CONFLICT (connection_id) DO UPDATE SET after_id = 0, asked_at = now();

-- name: wake_applier
SELECT pg_notify('prokip_push_rules', '');
