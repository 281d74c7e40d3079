-- SKUs that Prokip knows and tells no quantity for, as the poller last said: why an item is not written to.
CREATE TABLE push.left_alone (
    business_id bigint NOT NULL,
    location_id text NOT NULL,
    sku text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (business_id, location_id, sku)
);

-- What is to be made or changed in stores so that they have Prokip's products.
CREATE TABLE push.product_plan (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL,
    connection_id bigint NOT NULL REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'reading' CHECK (state IN (
        'reading',    -- Prokip's products are read and compared; nothing is done
        'ready',      -- shown, waits for an operator
        'running',    -- carried out, product by product
        'stopped',    -- by an operator, somewhere on its way
        'done',
        'undoing',    -- what was done is set back where nobody has changed it since
        'undone',
        'discarded'   -- never carried out
    )),
    since timestamptz NOT NULL DEFAULT now(),
    wishes jsonb NOT NULL,
    -- While it is read: the page of Prokip's list to ask for, products so far, and how many Prokip says it has.
    page integer NOT NULL DEFAULT 1,
    products_read integer NOT NULL DEFAULT 0,
    products_total integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When it goes on; a store or a Prokip that fails is left alone for a while.
    due_at timestamptz NOT NULL DEFAULT now(),
    consecutive_failures integer NOT NULL DEFAULT 0,
    error text
);
-- Serves: what goes on; small, because most plans are over.
CREATE INDEX product_plan_due_idx ON push.product_plan (due_at) WHERE state IN ('reading', 'running', 'undoing');
-- Serves: one open plan a store.
CREATE UNIQUE INDEX product_plan_open_idx ON push.product_plan (connection_id)
    WHERE state IN ('reading', 'ready', 'running', 'undoing');
-- Serves: the plans of one store, newest first.
CREATE INDEX product_plan_connection_idx ON push.product_plan (business_id, connection_id, id DESC);

CREATE TABLE push.product_plan_item (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id bigint NOT NULL REFERENCES push.product_plan (id) ON DELETE CASCADE,
    -- Prokip's number of the product.
    product_id bigint NOT NULL,
    name text NOT NULL,
    -- As Prokip told it, and what an operator chose instead.
    product jsonb NOT NULL,
    choice jsonb NOT NULL DEFAULT '{}',
    action text NOT NULL CHECK (action IN ('create', 'update', 'leave')),
    why text NOT NULL,
    planned jsonb NOT NULL,
    state text NOT NULL CHECK (state IN (
        'planned',
        'done',
        'failed',  -- the store refused it
        'left',    -- nothing is to be done
        'undone',
        'kept'     -- could not be undone: somebody changed it since
    )),
    -- The store's product that was made or changed.
    product_ref text,
    result text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (plan_id, product_id)
);
-- Serves: the next item of a plan, and its items by state.
CREATE INDEX product_plan_item_state_idx ON push.product_plan_item (plan_id, state, id);
