-- Products that a store's webhooks told something else of than its catalogue was read like; looked at one by one.
CREATE TABLE push.product_look (
    connection_id bigint NOT NULL REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    product_ref text NOT NULL,
    -- What was told, by item, since the catalogue was read as a whole: the same again asks for nothing.
    told jsonb NOT NULL,
    hinted_at timestamptz NOT NULL,
    -- NULL: looked at since.
    due_at timestamptz,
    consecutive_failures integer NOT NULL DEFAULT 0,
    PRIMARY KEY (connection_id, product_ref)
);
-- Serves: which looks are due.
CREATE INDEX product_look_due_idx ON push.product_look (due_at) WHERE due_at IS NOT NULL;

-- Serves: which items a product has.
CREATE INDEX catalogue_item_product_idx ON push.catalogue_item (connection_id, product_ref);
