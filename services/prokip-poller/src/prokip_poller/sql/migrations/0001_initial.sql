-- What Prokip holds, what it was told of each order, and every request that told it.
CREATE SCHEMA IF NOT EXISTS prokip;

-- One Prokip location of a business. Its row lock is what polls, claims and counter moves of the location meet at.
CREATE TABLE prokip.location (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    -- Rises with every read; an observation with a lower one never wins.
    sequence bigint NOT NULL DEFAULT 0,
    -- Rises with every move of any recorded counter here, in the order of the commits (the row lock sees to that), so
    -- that a read can tell whether a counter moved while it ran.
    counter_moves bigint NOT NULL DEFAULT 0,
    -- True once every SKU that a whole read named has been told: one never seen is then unknown to Prokip.
    first_read_complete boolean NOT NULL DEFAULT false,
    next_poll_at timestamptz NOT NULL DEFAULT now(),
    last_read_at timestamptz,
    health text NOT NULL DEFAULT 'waiting' CHECK (health IN (
        'waiting',        -- never read yet
        'healthy',        -- the last answer could be used
        'throttled',      -- Prokip asked us to wait
        'unavailable',    -- no connection, or server errors
        'not_authorised', -- the token is not accepted
        'refused',        -- Prokip knows no such location, or does not like the request
        'unusable'        -- what came back is no stock list; nothing was changed
    )),
    reason text NOT NULL DEFAULT '',
    failures integer NOT NULL DEFAULT 0,
    -- Neither reads nor postings before this time: the account's circuit is open.
    blocked_until timestamptz,
    skus integer NOT NULL DEFAULT 0,
    -- SKUs told before that the last read did not name; they keep their quantity, because missing is not zero.
    skus_missing integer NOT NULL DEFAULT 0,
    rows_without_sku integer NOT NULL DEFAULT 0,
    -- {sku: {reason, reads}}: not told by the last read, and in how many reads in a row.
    left_out jsonb NOT NULL DEFAULT '{}',
    -- The read under way and when it counts as dead.
    reader uuid,
    reader_until timestamptz,
    -- No posting begins before this time, so that a read sees a busy SKU at rest.
    posting_held_until timestamptz,
    PRIMARY KEY (business_id, location_id)
);

-- The (Q, R) that was last sent for a SKU.
CREATE TABLE prokip.sku_snapshot (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    quantity numeric NOT NULL,
    recorded numeric NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (business_id, location_id, sku)
);

-- R: units of a SKU that Prokip has been told were sold by us, sales minus returns.
CREATE TABLE prokip.recorded_counter (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    units numeric NOT NULL,
    -- location.counter_moves at its last move.
    moved_at bigint NOT NULL,
    PRIMARY KEY (business_id, location_id, sku)
);

-- One store order: what Prokip should know of it, and how far that has come.
CREATE TABLE prokip.sale (
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    order_ref text NOT NULL,
    -- Where the order was first due; its later states are told there too.
    location_id text NOT NULL,
    order_number text NOT NULL,
    order_status text NOT NULL,
    sold_at timestamptz NOT NULL,
    revision bigint NOT NULL,
    -- [{sku, units, unit_price}]: units that Prokip should know as sold; a state, not a difference.
    lines jsonb NOT NULL,
    state text NOT NULL DEFAULT 'due' CHECK (state IN (
        'due',               -- Prokip may not know the newest state yet
        'posting',           -- a request is under way (sale_posting with outcome posting)
        'recorded',          -- Prokip knows the newest state
        'in_doubt',          -- a request ended without an answer; an operator settles it
        'refused',           -- Prokip said no; asked again slowly and on request
        'return_unsupported' -- units must go back that this Prokip takes back by hand only
    )),
    -- Refusals in a row since the newest state came.
    attempts integer NOT NULL DEFAULT 0,
    -- When it is taken up by itself; NULL: not by itself.
    next_attempt_at timestamptz DEFAULT now(),
    detail text NOT NULL DEFAULT '',
    correlation_id text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (business_id, connection_id, order_ref),
    CHECK (state NOT IN ('due', 'refused') OR next_attempt_at IS NOT NULL)
);
-- Serves claim_sales and locations_with_due_sales.
CREATE INDEX sale_due_idx ON prokip.sale (business_id, location_id, next_attempt_at) WHERE state IN ('due', 'refused');
-- Serves the operator's lists and counts of what is not recorded.
CREATE INDEX sale_unrecorded_idx ON prokip.sale (business_id, state, changed_at, connection_id, order_ref)
WHERE state <> 'recorded';
-- Serves the list of all sale records, newest change last.
CREATE INDEX sale_changed_idx ON prokip.sale (business_id, changed_at, connection_id, order_ref);

-- Every request that told Prokip something; a row is written before its request leaves and gets its outcome once.
CREATE TABLE prokip.sale_posting (
    posting_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    order_ref text NOT NULL,
    location_id text NOT NULL,
    -- The due revision that the step was decided for.
    revision bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sell', 'refund')),
    -- The posting whose sale the units go back on.
    refund_of bigint REFERENCES prokip.sale_posting (posting_id),
    reference text NOT NULL,
    -- {sku: units}, all above 0.
    units jsonb NOT NULL,
    outcome text NOT NULL CHECK (outcome IN (
        'posting',      -- under way
        'recorded',     -- Prokip did it
        'in_doubt',     -- nobody knows
        'refused',      -- Prokip said no
        'not_sent',     -- it certainly did not happen: no connection, told to wait, or not authorised
        'unsupported',  -- this Prokip has no such call
        'not_recorded'  -- was in doubt; an operator looked, it did not happen
    )),
    sell_id text,
    -- Prokip's words, or ours.
    answer text NOT NULL DEFAULT '',
    -- A person entered it in Prokip, or said how it ended.
    by_hand boolean NOT NULL DEFAULT false,
    process text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    -- Still posting after this: the process that sent it is gone, and the request is in doubt.
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((kind = 'refund') = (refund_of IS NOT NULL))
);
-- Serves what a read leaves out, the limit on requests at a time, and postings whose process is gone.
CREATE INDEX sale_posting_open_idx ON prokip.sale_posting (business_id, location_id, outcome)
WHERE outcome IN ('posting', 'in_doubt');
-- Serves the history of one order.
CREATE INDEX sale_posting_order_idx ON prokip.sale_posting (business_id, connection_id, order_ref, posting_id);

-- What Prokip was told, by the sale that told it; told = sold - returned.
CREATE TABLE prokip.told_line (
    posting_id bigint NOT NULL REFERENCES prokip.sale_posting (posting_id),
    business_id bigint NOT NULL,
    sku text NOT NULL,
    sold numeric NOT NULL CHECK (sold > 0),
    returned numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (posting_id, sku),
    CHECK (returned BETWEEN 0 AND sold)
);

-- Somebody waits for a whole round; answered by the next read that covers its locations.
CREATE TABLE prokip.round (
    round_id uuid PRIMARY KEY,
    business_id bigint NOT NULL,
    -- NULL: every connection of the business.
    connection_id bigint,
    correlation_id text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);
-- Serves the rounds that a read answers.
CREATE INDEX round_business_idx ON prokip.round (business_id, requested_at);
