-- The Postgres bus: queues for a machine without a broker of its own.
CREATE SCHEMA IF NOT EXISTS bus;

-- Which queues take which type. A queue is never unbound by itself: what is sent while its service is down waits.
CREATE TABLE bus.binding (
    type text NOT NULL,
    queue text NOT NULL,
    PRIMARY KEY (type, queue)
);

-- One row per bundle and queue, deleted when it is settled.
CREATE TABLE bus.message (
    queue text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    bundle_id uuid NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    messages integer NOT NULL,
    attempts integer NOT NULL,
    deliveries integer NOT NULL DEFAULT 0,             -- counted when taken, so that it survives what kills the taker
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL DEFAULT now(),
    -- By queue first, and no index by id alone: the planner would walk through another queue's backlog.
    PRIMARY KEY (queue, id)
) WITH (
    -- Taking and extending a lease touch no index: room in the page keeps these updates heap-only.
    fillfactor = 60,
    -- A queue is small and turns over all the time: a share of its size says nothing, a number of dead rows does.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 2000,
    toast.autovacuum_vacuum_cost_delay = 0
);
-- Compressing a body that lives for milliseconds is wasted; stored outside the row, a lease update does not copy it.
ALTER TABLE bus.message ALTER COLUMN body SET STORAGE EXTERNAL;
