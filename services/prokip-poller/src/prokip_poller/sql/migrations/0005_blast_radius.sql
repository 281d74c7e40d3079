-- What each read changed, what was held for a person, and what Prokip shows that is deliberately not told.

-- Names a SKU of a location in a few bits, so that a read remembers which ones it has seen.
ALTER TABLE prokip.sku_snapshot ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;

-- One read that changed something, or was held. A read that found nothing new has no row.
CREATE TABLE prokip.stock_read (
    read_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    -- Under which it was told last, or read.
    sequence bigint NOT NULL,
    state text NOT NULL CHECK (state IN (
        'reading',  -- under way; its changes are collected
        'applied',  -- told
        'held',     -- waits for a person; nothing of it was told
        'released', -- was held; a person let it through
        'refused',  -- was held; a person said no
        'replaced', -- was held; a newer read said something else
        'passed',   -- was held; a newer read was fine again
        'undone',   -- was told; a person took it back
        'reconsidered' -- was refused or undone; a person took that back
    )),
    -- Which rules held it: zeroed, changed, short.
    held_for text[] NOT NULL DEFAULT '{}',
    -- SKUs told before; named by it, and by the last read that was believed; with another base; fallen to zero.
    known_skus integer NOT NULL DEFAULT 0,
    named_skus integer NOT NULL DEFAULT 0,
    named_before_skus integer NOT NULL DEFAULT 0,
    changed_skus integer NOT NULL DEFAULT 0,
    zeroed_skus integer NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
-- At most one waits per location.
CREATE UNIQUE INDEX stock_read_held_idx ON prokip.stock_read (business_id, location_id) WHERE state = 'held';
-- Serves the cleaning up after reads that were cut off.
CREATE INDEX stock_read_under_way_idx ON prokip.stock_read (business_id, location_id) WHERE state = 'reading';
-- Serves the list, newest first.
CREATE INDEX stock_read_list_idx ON prokip.stock_read (business_id, read_id DESC);

-- What a read would change, or changed: the pair told before (NULL: never told) and the pair it found.
CREATE TABLE prokip.read_change (
    read_id bigint NOT NULL REFERENCES prokip.stock_read (read_id) ON DELETE CASCADE,
    business_id bigint NOT NULL,
    sku text NOT NULL,
    before_quantity numeric,
    before_recorded numeric,
    after_quantity numeric NOT NULL,
    after_recorded numeric NOT NULL,
    PRIMARY KEY (read_id, sku),
    CHECK ((before_quantity IS NULL) = (before_recorded IS NULL))
);

-- A base (Q + R) that a person does not want told; it stands until Prokip shows another one.
CREATE TABLE prokip.held_back (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    base numeric NOT NULL,
    -- The read that was refused or undone.
    read_id bigint NOT NULL,
    PRIMARY KEY (business_id, location_id, sku)
);
-- Serves taking a decision back, and keeps its read from being forgotten.
CREATE INDEX held_back_read_idx ON prokip.held_back (read_id);

-- SKUs that Prokip knows and tells no quantity for, with its reason.
CREATE TABLE prokip.left_alone (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    reason text NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (business_id, location_id, sku)
);
