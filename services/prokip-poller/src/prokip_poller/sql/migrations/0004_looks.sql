-- Requests in doubt are looked up where Prokip can be asked for what it holds.

ALTER TABLE prokip.sale_posting
    -- The time of the sale as it was sent, which a look needs; NULL for returns.
    ADD COLUMN sold_at timestamptz,
    -- Sent to a Prokip that can be asked for it again; another one, asked later, would wrongly say that it has nothing.
    ADD COLUMN findable boolean NOT NULL DEFAULT false,
    ADD COLUMN looks integer NOT NULL DEFAULT 0,
    -- While in doubt: when it is looked up next; NULL: not by itself, a person settles it.
    ADD COLUMN next_look_at timestamptz,
    -- A replica looks until then; later it counts as dead.
    ADD COLUMN looking_until timestamptz,
    -- What the last look found.
    ADD COLUMN look_words text NOT NULL DEFAULT '';

-- Serves the looks that are due.
CREATE INDEX sale_posting_look_idx ON prokip.sale_posting (business_id, location_id, next_look_at)
WHERE outcome = 'in_doubt' AND next_look_at IS NOT NULL;
