-- The ids under which a Prokip that sells by id knows what we name by SKU.

-- Written by reads, used by sales; the newest read wins.
CREATE TABLE prokip.goods (
    business_id bigint NOT NULL,
    sku text NOT NULL,
    product_id bigint NOT NULL,
    variation_id bigint NOT NULL,
    PRIMARY KEY (business_id, sku)
);

-- The sale's line in Prokip that returns name; NULL where the dialect has none.
ALTER TABLE prokip.told_line ADD COLUMN line_id text;
