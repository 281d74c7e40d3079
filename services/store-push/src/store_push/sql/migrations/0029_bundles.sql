-- SKUs that operators had made of others, as the ledger tells it: only for words. What they show is told like any SKU.
CREATE TABLE push.bundle (
    business_id bigint NOT NULL,
    sku text NOT NULL,
    -- Of the newest change.
    version bigint NOT NULL,
    -- SKUs; empty: it is no bundle any more.
    parts text[] NOT NULL,
    PRIMARY KEY (business_id, sku)
);
