-- What webhook-ingest owns: events that wait for the broker, and bodies that no event could be read from.
CREATE SCHEMA ingest;

-- Events that a store was told are safe while the broker was away. Each names its business; none holds personal data.
CREATE TABLE ingest.spool (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,        -- the message type, as it is published
    body text NOT NULL,        -- JSON array of messages: those that arrived together share one row
    messages integer NOT NULL,
    spooled_at timestamptz NOT NULL DEFAULT now()
) WITH (
    -- The table fills in an outage and is emptied after it: vacuum by dead rows, not by a share of what was there.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);
-- Serves claim_spooled: the oldest bundles of one type.
CREATE INDEX spool_type_idx ON ingest.spool (type, id);

-- Authentic webhooks that no event could be read from: kept, visible, replayable.
CREATE TABLE ingest.parked (
    -- Made from connection, topic and body: the same body again is counted, not kept twice.
    id uuid PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    platform text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    -- The whitelisted fields in the store's own form, as JSON text: jsonb would refuse an escaped NUL.
    body text NOT NULL,
    seen integer NOT NULL DEFAULT 1,
    attempts integer NOT NULL DEFAULT 0, -- replays that ended as the delivery did
    parked_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
-- Serves list_parked.
CREATE INDEX parked_business_idx ON ingest.parked (business_id, parked_at, id);
