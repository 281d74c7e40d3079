-- What a store is to show for the first time is a plan: small ones go by themselves, large ones wait for a person.
CREATE TABLE push.first_quantities (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN (
        'waiting',   -- its catalogue, or Prokip's quantities, are not complete yet; nothing is written
        'held',      -- the plan is large: nothing is written until an operator decides
        'refused',   -- an operator does not want it: nothing is written until somebody looks again
        'released',  -- an operator let it through
        'passed'     -- it was small, or the connection is older than this table
    )),
    since timestamptz NOT NULL DEFAULT now(),
    -- How many SKUs Prokip had told when this was looked at, and since when it has been as many.
    targets bigint NOT NULL DEFAULT 0,
    targets_since timestamptz NOT NULL DEFAULT now(),
    -- The plan when it was judged: listings with a quantity, those that would change, and those that would fall to 0.
    listings integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    zeroed integer NOT NULL DEFAULT 0,
    -- Why it was held, in words.
    reason text NOT NULL DEFAULT ''
);
-- Serves: the few that wait, and what may not be written to.
CREATE INDEX first_quantities_open_idx ON push.first_quantities (connection_id) WHERE state IN ('waiting', 'held', 'refused');

INSERT INTO push.first_quantities (connection_id, state)
SELECT connection_id, 'passed' FROM push.connection_work WHERE platform <> 'custom';
