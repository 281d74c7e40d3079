-- What sweeps told of orders and the ledger has not answered for: until then what a store shows is not judged by them. A
-- row goes with the ledger's answer to this very word. No foreign key: its check would wait for whoever sweeps or pushes.
CREATE TABLE push.swept_order (
    connection_id bigint NOT NULL,
    order_ref text NOT NULL,
    -- When it was told, by the clock of the process that told it: the name of that word.
    told_at timestamptz NOT NULL,
    -- The same by our own clock, before the end of the sweep that told it.
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, order_ref, told_at)
);
