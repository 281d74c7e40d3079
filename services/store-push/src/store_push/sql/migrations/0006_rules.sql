-- What an operator wants shown differently from what there is, who said so, and differences that are asked about.

-- Rules of one store. No row: nothing is kept back. Not bound to connection_work, because a store that is connected
-- again finds its rules.
CREATE TABLE push.connection_rule (
    connection_id bigint PRIMARY KEY,
    business_id bigint NOT NULL,
    -- Kept back from what the store shows; the ledger knows nothing of it.
    buffer numeric NOT NULL DEFAULT 0 CHECK (buffer >= 0),
    -- The store never shows more; NULL: no such limit.
    shown_max bigint CHECK (shown_max >= 0),
    locations text NOT NULL DEFAULT 'own' CHECK (locations IN (
        'own',  -- the stock of the location that the store sells from
        'all'   -- the sum of all locations of the business: one unified stock
    )),
    differences text NOT NULL DEFAULT 'prokip_wins' CHECK (differences IN (
        'prokip_wins',  -- an unexplained difference is written over
        'ask'           -- an operator decides; the item is not written meanwhile
    ))
);
-- Serves: whether a business has a store with one unified stock; hardly any has.
CREATE INDEX connection_rule_unified_idx ON push.connection_rule (business_id) WHERE locations = 'all';

-- What differs for one SKU in one store; NULL: as the store's own rule says.
CREATE TABLE push.sku_rule (
    connection_id bigint NOT NULL,
    sku text NOT NULL,
    business_id bigint NOT NULL,
    buffer numeric CHECK (buffer >= 0),
    shown_max bigint CHECK (shown_max >= 0),
    push text NOT NULL CHECK (push IN (
        'on',
        'paused',  -- not written for now; what was known of the store's quantity stays known
        'never'    -- the store's quantity is somebody else's business
    )),
    -- Serves: the rule of a listing, and a store's rules by SKU.
    PRIMARY KEY (connection_id, sku)
);

-- Who changed which rule, from what to what; append-only.
CREATE TABLE push.rule_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    -- NULL: the rule of the whole store.
    sku text,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    changed_by text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
-- Serves: a store's changes, newest first.
CREATE INDEX rule_change_connection_idx ON push.rule_change (business_id, connection_id, id DESC);

-- A rule of a whole store that its listings are still being given, in bites.
CREATE TABLE push.rule_application (
    connection_id bigint PRIMARY KEY,
    business_id bigint NOT NULL,
    -- Listings up to this id show it already.
    after_id bigint NOT NULL DEFAULT 0,
    asked_at timestamptz NOT NULL DEFAULT now()
);

-- What a store is to show. store_push/domain/rules.py says the same in Python; a test holds the two together.
CREATE FUNCTION push.shown(available numeric, buffer numeric, shown_max bigint, pushed text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(pushed, 'on') = 'on' AND available IS NOT NULL THEN
        least(floor(greatest(available - coalesce(buffer, 0), 0)), shown_max, 1000000000)::bigint
    END
$$;

-- The number that follows from a rule is a listing's, no SKU's.
ALTER TABLE push.stock_target DROP COLUMN target;
-- Serves: the sum over a business's locations.
CREATE INDEX stock_target_sku_idx ON push.stock_target (business_id, sku);
COMMENT ON COLUMN push.stock_target.location_id IS '*: the sum of all locations, for stores with one unified stock';

-- Where a store sells from, if it shows the stock of all locations ('*' in location_id); NULL: the same.
ALTER TABLE push.connection_work ADD COLUMN own_location_id text;

-- An operator is asked about the listing's difference, or has said to leave it: it is not written.
ALTER TABLE push.listing ADD COLUMN held_since timestamptz;

-- Differences that operators decide about.
CREATE TABLE push.difference (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    listing_id bigint NOT NULL REFERENCES push.listing (id) ON DELETE CASCADE,
    sku text NOT NULL,
    expected bigint NOT NULL,
    shown bigint NOT NULL,
    -- What Prokip's number would have the store show.
    target bigint NOT NULL,
    cause text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN (
        'open',       -- nobody has decided
        'left',       -- the store's number stays; the item is not written
        'pushed',     -- Prokip's number is written over it
        'explained'   -- an order, or the store itself, has made it go away
    )),
    decided_by text,
    decided_at timestamptz,
    at timestamptz NOT NULL
);
-- Serves: one undecided or left difference a listing.
CREATE UNIQUE INDEX difference_standing_idx ON push.difference (listing_id) WHERE state IN ('open', 'left');
-- Serves: a business's differences, newest first.
CREATE INDEX difference_business_idx ON push.difference (business_id, id DESC);
