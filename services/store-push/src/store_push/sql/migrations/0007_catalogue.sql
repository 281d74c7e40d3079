-- The catalogue page by page, and what operators say about single items.

-- A read goes on where it was: the page after `cursor`. NULL: none is unfinished.
ALTER TABLE push.catalogue_read
    ADD COLUMN cursor text,
    -- When the read under way began; NULL with the cursor.
    ADD COLUMN begun_at timestamptz,
    -- How far it is, in what the platform counts (WooCommerce products, Shopify variants), and how many there are.
    ADD COLUMN counted integer NOT NULL DEFAULT 0,
    ADD COLUMN total integer,
    -- Somebody wants it read anew, or the store named an item that we do not know; a read that began later has served it.
    ADD COLUMN wanted_at timestamptz,
    ADD COLUMN hinted_at timestamptz,
    ADD CHECK ((cursor IS NULL) = (begun_at IS NULL));

-- What each store's catalogue says, as it was read last; listings are what is made of it.
CREATE TABLE push.catalogue_item (
    connection_id bigint NOT NULL REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    item_ref text NOT NULL,
    parent_ref text,
    place_ref text,
    -- The store's own, as its orders name it.
    sku text,
    parent_sku text,
    name text NOT NULL,
    product_ref text,
    -- Shopify: the variant's id (digits).
    variant_ref text,
    price numeric,
    level_state text NOT NULL CHECK (level_state IN ('own', 'parent', 'untracked', 'inactive', 'gone')),
    quantity bigint,
    -- When the read that named it last began.
    read_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, item_ref)
);
-- Serves: which items carry a SKU (links, product plans).
CREATE INDEX catalogue_item_sku_idx ON push.catalogue_item (connection_id, sku);

-- What an operator said about one item; stays over every read, also while the item is gone.
CREATE TABLE push.item_choice (
    connection_id bigint NOT NULL REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    item_ref text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('linked', 'ignored')),
    -- Of a link: the SKU in Prokip whose stock the item sells.
    sku text,
    chosen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, item_ref),
    CHECK ((kind = 'linked') = (sku IS NOT NULL))
);

ALTER TABLE push.listing DROP CONSTRAINT listing_state_check;
ALTER TABLE push.listing ADD CONSTRAINT listing_state_check CHECK (state IN (
    'matched',         -- has a stock of its own and a SKU that is unique in its store: pushed
    'no_sku',          -- nothing to match by
    'duplicate_sku',   -- several items of the store share the SKU: ambiguous, so none is pushed
    'held_by_parent',  -- WooCommerce: the parent product holds the stock
    'not_tracked',     -- the store does not count this item
    'inactive',        -- Shopify: not stocked at the connection's location
    'gone',            -- the store does not know the item any more
    'ignored'          -- an operator chose to leave it alone
));
