-- The ledger. SKUs sort by bytes (COLLATE "C"), so that rows are locked in one order whatever the server's locale.
CREATE SCHEMA IF NOT EXISTS inventory;

-- One row per store order, in its newest known state. It is the sales log as well: what Prokip was told about it.
CREATE TABLE inventory.orders (
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    order_ref text COLLATE "C" NOT NULL,
    location_id text NOT NULL,              -- whose stock it takes, as at first sight
    order_number text NOT NULL,
    status text NOT NULL,                   -- the store's own word
    modified_at timestamptz,                -- the version, by the store's clock; NULL: the platform has none
    sold_at timestamptz NOT NULL,
    needs_sweep boolean NOT NULL,           -- two contents came with one version
    revision bigint NOT NULL,
    due_revision bigint NOT NULL,           -- revision of the last sale.due; 0: nothing was ever due
    sale_state text NOT NULL CHECK (sale_state IN (
        'none',                             -- holds nothing that Prokip should know
        'due',                              -- sale.due was said, Prokip's answer is awaited
        'recorded',                         -- Prokip knows the newest state
        'in_doubt',                         -- sent, no answer: only an operator or a look-up can tell
        'refused',                          -- Prokip said no; sale_detail holds its words
        'return_unsupported'                -- Prokip cannot be told of the return; entered by hand
    )),
    answered_revision bigint NOT NULL DEFAULT 0,
    prokip_sell_id text,
    sale_detail text NOT NULL DEFAULT '',
    lines json NOT NULL,                    -- array of objects, see rows.py; json, because it is written and read whole
    former_skus json,                       -- were due once and are not in the lines any more; NULL: none
    -- Serves lock_orders, insert_orders and read_sale: an order exists once.
    PRIMARY KEY (business_id, connection_id, order_ref)
) WITH (fillfactor = 85);
-- Serves list_sales and count_sales_since.
CREATE INDEX orders_sold_at_idx ON inventory.orders (business_id, sold_at, connection_id, order_ref);
-- Serves list_troubled_sales and count_troubled_sales: the few that wait for a person. Sales that are merely due are
-- not in it, so that most orders stay in the page they were written to when Prokip has answered.
CREATE INDEX orders_troubled_idx ON inventory.orders (business_id, sale_state, sold_at, connection_id, order_ref)
    WHERE sale_state IN ('in_doubt', 'refused', 'return_unsupported');

-- available = base - taken, per business, SKU and location.
CREATE TABLE inventory.stock (
    business_id bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    sku_folded text COLLATE "C" NOT NULL,   -- for searching and for an order that people expect
    search_grams text[] NOT NULL,           -- three-letter pieces of sku_folded, each with the business before it
    base numeric NOT NULL DEFAULT 0,        -- quantity + recorded of the newest reading
    taken numeric NOT NULL DEFAULT 0,
    taken_by_connection json NOT NULL DEFAULT '{}',
    revision bigint NOT NULL DEFAULT 0,     -- rises with every change that is told
    observed_sequence bigint,               -- of the newest reading; NULL: Prokip has never told a quantity
    quantity numeric,                       -- Q of that reading
    recorded numeric,                       -- R of that reading
    observed_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),  -- when the revision rose last
    matched boolean GENERATED ALWAYS AS (observed_sequence IS NOT NULL) STORED,
    oversold boolean GENERATED ALWAYS AS (observed_sequence IS NOT NULL AND base < taken) STORED,
    -- Serves lock_stock and write_stock.
    PRIMARY KEY (business_id, sku, location_id)
) WITH (fillfactor = 70);  -- the indexes hold columns that hardly ever change, so updates stay inside the page
-- Serves list_stock and the prefix search.
CREATE INDEX stock_folded_idx ON inventory.stock (business_id, sku_folded, sku, location_id);
-- Serves search_stock: needs no extension, and the business inside the pieces keeps tenants apart.
CREATE INDEX stock_grams_idx ON inventory.stock USING gin (search_grams) WITH (fastupdate = off);
-- Serves list_unmatched_stock and count_stock: SKUs that Prokip has not told.
CREATE INDEX stock_unmatched_idx ON inventory.stock (business_id, sku_folded, sku, location_id) WHERE NOT matched;
-- Serves list_oversold_stock and count_stock.
CREATE INDEX stock_oversold_idx ON inventory.stock (business_id, sku_folded, sku, location_id) WHERE oversold;

-- What changed the available quantity, by how much, why, and the balance after. The sum of a SKU is its available.
CREATE TABLE inventory.movement (
    business_id bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,               -- the stock's revision that it made
    at timestamptz NOT NULL,                -- when the ledger learned it
    reason text NOT NULL CHECK (reason IN (
        'sale',                             -- an order takes units that it did not hold
        'cancel',                           -- an order that was called off gives back
        'return',                           -- a restocking refund, or an order that holds less
        'edit',                             -- the order's lines were changed
        'holder',                           -- the units belong to the SKU that holds the stock
        'prokip'                            -- Prokip's number moved by something that is no sale of ours
    )),
    connection_id bigint,                   -- NULL for prokip
    order_ref text,
    delta numeric NOT NULL CHECK (delta <> 0),
    balance_after numeric NOT NULL,
    correlation_id text NOT NULL,
    -- Serves list_movements and orders_holding_units; a revision moves a SKU once.
    PRIMARY KEY (business_id, sku, location_id, revision)
);

-- History is never rewritten, by nobody who works through SQL statements.
CREATE FUNCTION inventory.refuse_movement_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movements are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inventory.movement
    FOR EACH STATEMENT EXECUTE FUNCTION inventory.refuse_movement_change();

-- Locations of which Prokip has told the whole catalogue: there, a SKU never told is unknown to it.
CREATE TABLE inventory.location (
    business_id bigint NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    first_read_complete boolean NOT NULL,
    -- Serves lock_stock and complete_locations.
    PRIMARY KEY (business_id, location_id)
);

-- SKUs of a store whose sales come out of another SKU's stock.
CREATE TABLE inventory.stock_holder (
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,
    held_by text NOT NULL,
    -- Serves holders_of.
    PRIMARY KEY (business_id, connection_id, sku)
);

-- Stock as the read API tells it.
CREATE VIEW inventory.stock_state AS
SELECT s.business_id, s.sku, s.location_id, s.sku_folded, s.search_grams, s.base, s.taken, s.taken_by_connection,
    s.revision, s.observed_sequence, s.quantity, s.recorded, s.observed_at, s.changed_at, s.matched, s.oversold,
    CASE
        WHEN s.oversold THEN 'oversold'             -- more was sold than there is
        WHEN s.matched THEN 'managed'               -- Prokip has told its quantity
        WHEN l.first_read_complete THEN 'unmatched' -- Prokip does not hold it: logged, not counted
        ELSE 'pending'                              -- Prokip has not been read completely yet
    END AS state
FROM inventory.stock AS s
LEFT JOIN inventory.location AS l ON l.business_id = s.business_id AND l.location_id = s.location_id;
