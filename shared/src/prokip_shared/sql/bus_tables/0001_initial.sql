-- The three tables with which a service takes part in the bus, inside the service's own schema.
-- `migrate` sets prokip.schema for the transaction, so the same file serves every service.
DO $$ BEGIN EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', current_setting('prokip.schema')); END $$;
SELECT set_config('search_path', quote_ident(current_setting('prokip.schema')), true);

-- Bundles that this service has applied; written in the transaction that applied them.
CREATE TABLE inbox (
    queue text NOT NULL,
    bundle_id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue, bundle_id)
);
-- Serves prune_inbox.
CREATE INDEX inbox_seen_at_idx ON inbox (seen_at);

-- Bundles that are to be said; written in the transaction that made them true.
CREATE TABLE outbox (
    bundle_id uuid PRIMARY KEY,
    type text NOT NULL,
    queue text,                -- NULL: every queue bound to the type; else this one (a retry, a replay)
    body text NOT NULL,        -- JSON array of messages
    messages integer NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (
    -- Rows live for milliseconds: vacuum by a small fixed number of dead rows, or the sweep reads ever more of them.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);
-- Serves due_outbox.
CREATE INDEX outbox_due_at_idx ON outbox (due_at);

-- Messages that can never succeed or have used their attempts: kept, visible, replayable; never dropped.
CREATE TABLE parked (
    id uuid PRIMARY KEY,
    business_id bigint NOT NULL,   -- 0: the message is too broken to say whose it is
    queue text NOT NULL,
    type text NOT NULL,
    body text NOT NULL,            -- one message as it came; bytes that are no UTF-8 as \x escapes
    reason text NOT NULL,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz        -- set: moved to the outbox again
);
-- Serves list_parked and replay_all_parked.
CREATE INDEX parked_waiting_idx ON parked (business_id, parked_at, id) WHERE replayed_at IS NULL;
-- Serves prune_parked.
CREATE INDEX parked_replayed_at_idx ON parked (replayed_at) WHERE replayed_at IS NOT NULL;
