-- Parts of a location's first whole reading that have arrived, until all of one reading are here: they travel apart, and
-- a SKU of a missing part is not unknown to Prokip. Empty but for that moment.
CREATE TABLE inventory.first_reading_part (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sequence bigint NOT NULL,
    part integer NOT NULL,
    PRIMARY KEY (business_id, location_id, sequence, part)
);
