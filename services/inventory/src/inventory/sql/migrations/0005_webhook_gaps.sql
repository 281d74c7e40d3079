-- How well each store's webhooks tell of its orders, by the hour in which the order changed (the store's own clock).
-- What each word means: docs/adr/0020-gap-meter.md.
CREATE TABLE inventory.webhook_gap (
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    changes integer NOT NULL,               -- states of orders that webhooks should have told
    missed integer NOT NULL,                -- of those: found by a sweep, told by no webhook so far
    late integer NOT NULL,                  -- of those: told, but late
    duplicates integer NOT NULL,            -- webhooks that told a state again which one of their topic had told
    out_of_order integer NOT NULL,          -- webhooks that brought a state older than one that was known
    -- Serves fold_gaps and gaps_of.
    PRIMARY KEY (business_id, connection_id, hour)
) WITH (fillfactor = 70);
-- Serves prune_gaps.
CREATE INDEX webhook_gap_hour_idx ON inventory.webhook_gap USING brin (hour);

-- What batches added since it was last folded into the hours: few rows, for some seconds.
CREATE TABLE inventory.webhook_gap_added (
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    changes integer NOT NULL,
    missed integer NOT NULL,
    late integer NOT NULL,
    duplicates integer NOT NULL,
    out_of_order integer NOT NULL
) WITH (
    -- It fills and is emptied all the time: vacuum by dead rows, not by a share of what was there.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000
);

-- Both together are what the meter shows.
CREATE VIEW inventory.webhook_gaps AS
SELECT business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order FROM inventory.webhook_gap
UNION ALL
SELECT business_id, connection_id, hour, changes, missed, late, duplicates, out_of_order
FROM inventory.webhook_gap_added;

-- Who told of the newest state of an order, see domain/gaps.py; NULL: told before this was remembered.
ALTER TABLE inventory.orders ADD COLUMN told json;
