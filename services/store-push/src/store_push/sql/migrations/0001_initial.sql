-- What each store should show, what it is believed to show, and what was written. Only store-push writes here.
CREATE SCHEMA push;

-- The ledger's newest word on each SKU; kept also for SKUs that no store lists yet.
CREATE TABLE push.stock_target (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    -- As the ledger tells it, decimals and oversell included; NULL while Prokip has not told a quantity.
    available numeric,
    -- What a store is to show: available without fraction, never below zero; NULL: nothing may be pushed.
    target bigint,
    revision bigint NOT NULL,
    -- Units held as sold, by connection id.
    taken jsonb NOT NULL,
    correlation_id text NOT NULL,
    PRIMARY KEY (business_id, location_id, sku)
);

-- One row a connection: whose it is, how the store answers, when it is tried again. The row lock is the claim.
CREATE TABLE push.connection_work (
    connection_id bigint PRIMARY KEY,
    business_id bigint NOT NULL,
    platform text NOT NULL CHECK (platform IN ('shopify', 'woocommerce', 'custom')),
    location_id text NOT NULL,
    -- Shopify location id (digits); NULL elsewhere.
    place_ref text,
    -- Custom stores: whether there is an address to which quantities are posted.
    writable boolean NOT NULL,
    -- False: paused by the operator; listings still become due and are written on resume.
    active boolean NOT NULL,
    health text NOT NULL DEFAULT 'healthy' CHECK (health IN (
        'healthy',
        'throttled',             -- the store asked us to slow down
        'failing',               -- no usable answers; tried with growing pauses by a few workers only
        'needs_reauthorisation'  -- our credentials are refused; a person has to connect the store again
    )),
    health_since timestamptz NOT NULL DEFAULT now(),
    health_detail text NOT NULL DEFAULT '',
    consecutive_failures integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    -- When a worker last claimed the connection to push, and when a push last succeeded.
    last_attempt_at timestamptz,
    last_push_at timestamptz
);
-- Serves: the connections of one business (internal API, rounds).
CREATE INDEX connection_work_business_idx ON push.connection_work (business_id, connection_id);

-- When each store's catalogue is read; apart from connection_work, so that a long read never holds up pushes.
CREATE TABLE push.catalogue_read (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    consecutive_failures integer NOT NULL DEFAULT 0,
    -- When the last complete read began; NULL: never read.
    read_at timestamptz,
    -- When the last read, complete or failed, began.
    tried_at timestamptz,
    items integer,
    error text
);

CREATE TABLE push.listing (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    location_id text NOT NULL,
    -- WooCommerce product or variation id; Shopify inventory item id (digits); the SKU in custom stores.
    item_ref text NOT NULL,
    -- WooCommerce: the product that a variation belongs to.
    parent_ref text,
    place_ref text,
    sku text,
    -- The SKU whose stock this item sells, where it has none of its own.
    held_by text,
    state text NOT NULL CHECK (state IN (
        'matched',         -- has a stock of its own and a SKU that is unique in its store: pushed
        'no_sku',          -- nothing to match by
        'duplicate_sku',   -- several items of the store share the SKU: ambiguous, so none is pushed
        'held_by_parent',  -- WooCommerce: the parent product holds the stock
        'not_tracked',     -- the store does not count this item
        'inactive',        -- Shopify: not stocked at the connection's location
        'gone'             -- the store does not know the item any more
    )),
    -- Why the state is what it is, or why the last write was refused; in plain words.
    reason text NOT NULL DEFAULT '',
    -- The newest target; NULL: Prokip does not hold the SKU, nothing is pushed.
    target bigint,
    target_revision bigint NOT NULL DEFAULT 0,
    -- Units of the SKU that this connection held as sold at target_revision.
    target_taken numeric NOT NULL DEFAULT 0,
    correlation_id text NOT NULL DEFAULT '',
    -- What the store showed at our last confirmed write or read, and the units taken that this number includes.
    confirmed bigint,
    confirmed_taken numeric NOT NULL DEFAULT 0,
    confirmed_revision bigint NOT NULL DEFAULT 0,
    confirmed_at timestamptz,
    -- When we last wrote over a difference that no order had explained: one that comes late may explain it yet.
    drifted_at timestamptz,
    -- When a worker is to look at it; NULL: nothing to do.
    due_at timestamptz,
    -- True: the store is to be read before anything is concluded.
    must_read boolean NOT NULL DEFAULT false,
    -- The quantity that the store's last level hint named, and how many hints there were.
    hinted bigint,
    hints bigint NOT NULL DEFAULT 0,
    -- A difference that is not explained yet: shown minus believed, the units taken then, and since when.
    gap bigint,
    gap_taken numeric,
    gap_since timestamptz,
    UNIQUE (connection_id, item_ref),
    CHECK (state <> 'matched' OR sku IS NOT NULL),
    CHECK ((gap IS NULL) = (gap_since IS NULL))
);
-- Serves: marking the listings of changed SKUs due.
CREATE INDEX listing_sku_idx ON push.listing (business_id, location_id, sku);
-- Serves: what is due, by connection; small, because most listings are not due.
CREATE INDEX listing_due_idx ON push.listing (connection_id, due_at) WHERE due_at IS NOT NULL;

-- What was expected, sent and answered; append-only, pruned by age.
CREATE TABLE push.push (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    listing_id bigint NOT NULL,
    sku text NOT NULL,
    -- What the store was believed to show; NULL before the first confirmation.
    expected bigint,
    -- What a read just before showed; NULL where none was needed.
    shown bigint,
    -- NULL: nothing was sent.
    sent bigint,
    -- The quantity in the store's answer; NULL where it names none.
    answered bigint,
    outcome text NOT NULL CHECK (outcome IN (
        'written',
        'refused',     -- the store will never take this as it is
        'conflict',    -- the store showed something else; looked at again
        'unanswered'   -- no usable answer: it may or may not have happened
    )),
    detail text NOT NULL,
    revision bigint NOT NULL,
    -- Time to the store's answer, and from the read to the end of the write (NULL: compare-and-set, no window).
    answer_ms real NOT NULL,
    window_ms real,
    correlation_id text NOT NULL,
    at timestamptz NOT NULL
);
-- Serves: the history of one SKU.
CREATE INDEX push_sku_idx ON push.push (business_id, sku, id DESC);
-- Serves: the history of one store, and of a whole business.
CREATE INDEX push_connection_idx ON push.push (business_id, connection_id, id DESC);
-- Serves: pruning by age.
CREATE INDEX push_at_idx ON push.push USING brin (at);

-- Differences that neither our writes nor the store's orders explain; append-only, pruned by age.
CREATE TABLE push.drift (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    listing_id bigint NOT NULL,
    sku text NOT NULL,
    expected bigint NOT NULL,
    shown bigint NOT NULL,
    cause text NOT NULL,
    at timestamptz NOT NULL
);
-- Serves: pruning by age.
CREATE INDEX drift_at_idx ON push.drift USING brin (at);

-- Rounds that an operator waits for.
CREATE TABLE push.round (
    round_id uuid PRIMARY KEY,
    business_id bigint NOT NULL,
    -- NULL: every connection of the business.
    connection_id bigint,
    -- When the request was seen here; NULL while only parts have arrived.
    requested_at timestamptz,
    -- How many parts there will be; NULL until the first has arrived.
    parts integer,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
-- Serves: the few rounds that are under way.
CREATE INDEX round_open_idx ON push.round (begun_at) WHERE ended_at IS NULL;

CREATE TABLE push.round_part (
    round_id uuid NOT NULL REFERENCES push.round (round_id) ON DELETE CASCADE,
    part integer NOT NULL,
    PRIMARY KEY (round_id, part)
);
