-- What a store can bear beside pushes, which always go first. Each replica asks here before it sweeps, looks or imports.
CREATE TABLE push.budget (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    -- Shopify's bucket of query points as its last answer told it, less what turns have taken since; NULL elsewhere.
    points_available double precision,
    points_maximum double precision,
    points_restored_per_s double precision,
    -- What the last background query had asked for: the next one is expected to cost as much.
    points_asked double precision NOT NULL DEFAULT 0,
    measured_at timestamptz NOT NULL DEFAULT now(),
    -- How long the last background call took.
    answer_s double precision NOT NULL DEFAULT 0,
    -- Background calls rest until then: in turn with the time that they took, and as long as the store asked for.
    rests_until timestamptz,
    held_until timestamptz
);

-- When each store's levels are looked at, the most sold first.
CREATE TABLE push.level_look (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    consecutive_failures integer NOT NULL DEFAULT 0,
    -- The newest look that was answered: when, at how many listings, and how many showed something unexpected.
    looked_at timestamptz,
    listings integer NOT NULL DEFAULT 0,
    differing integer NOT NULL DEFAULT 0,
    error text
);

-- When the level of a listing was last looked at in the background; NULL: never.
ALTER TABLE push.listing ADD COLUMN looked_at timestamptz;
