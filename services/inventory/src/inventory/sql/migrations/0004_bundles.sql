-- SKUs that are made of others, at every location alike: see docs/adr/0021-bundles.md. What an order was sold with is
-- kept in its lines, so that nothing here rewrites history.
CREATE TABLE inventory.bundle_part (
    business_id bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,          -- the bundle
    part text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL CHECK (quantity > 0), -- units of the part in one bundle
    CHECK (part <> sku),
    -- Serves untold_stock, bundles_around and list_bundles.
    PRIMARY KEY (business_id, sku, part)
);
-- Serves bundles_around: the bundles of a part.
CREATE INDEX bundle_part_part_idx ON inventory.bundle_part (business_id, part);

-- Who said what a SKU is made of; append-only. Of two changes of one SKU the one with the higher id is the newer.
CREATE TABLE inventory.bundle_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,
    parts json NOT NULL,                    -- {part: quantity}; empty: it is no bundle any more
    changed_by text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
-- Serves list_bundles: the newest change of a SKU.
CREATE INDEX bundle_change_sku_idx ON inventory.bundle_change (business_id, sku, id);

-- What a SKU is in bundles, so that a batch that touches none asks nothing.
ALTER TABLE inventory.stock ADD COLUMN role text CHECK (role IN (
    'bundle',                               -- is made of others; has no stock of its own while Prokip tells none
    'part'                                  -- others are made of it
));

CREATE OR REPLACE VIEW inventory.stock_state AS
SELECT s.business_id, s.sku, s.location_id, s.sku_folded, s.search_grams, s.base, s.taken, s.taken_by_connection,
    s.revision, s.observed_sequence, s.quantity, s.recorded, s.observed_at, s.changed_at, s.matched, s.oversold,
    CASE
        WHEN s.oversold THEN 'oversold'             -- more was sold than there is
        WHEN s.matched THEN 'managed'               -- Prokip has told its quantity
        WHEN s.role = 'bundle' THEN 'bundle'        -- shows what its parts make
        WHEN l.first_read_complete THEN 'unmatched' -- Prokip does not hold it: logged, not counted
        ELSE 'pending'                              -- Prokip has not been read completely yet
    END AS state,
    s.role
FROM inventory.stock AS s
LEFT JOIN inventory.location AS l ON l.business_id = s.business_id AND l.location_id = s.location_id;
