-- Orders that a store changed are read again and again, because webhooks get lost.
CREATE TABLE push.sweep (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    -- By the store's own clock, as swept_to: an order from before it is a baseline.
    connected_at timestamptz NOT NULL,
    -- Every order that the store changed before this moment has been told.
    swept_to timestamptz NOT NULL,
    -- Where an unfinished sweep goes on, and what swept_to becomes at its end; NULL: none is unfinished.
    cursor text,
    sweeping_to timestamptz,
    due_at timestamptz NOT NULL,
    consecutive_failures integer NOT NULL DEFAULT 0,
    -- Our clock: when the newest sweep began, and from when to when the newest complete one ran.
    begun_at timestamptz,
    complete_from timestamptz,
    complete_at timestamptz,
    -- Orders in the newest complete sweep, and those among them that could not be read.
    orders integer NOT NULL DEFAULT 0,
    unreadable integer NOT NULL DEFAULT 0,
    error text,
    CHECK ((cursor IS NULL) = (sweeping_to IS NULL))
);

-- Somebody wants the store's orders swept now: a difference that no order has explained, or an operator. Here and not
-- in push.sweep, whose row is locked while a sweep runs.
ALTER TABLE push.connection_work ADD COLUMN sweep_wanted_at timestamptz;
