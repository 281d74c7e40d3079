-- Writes that are about to leave, or of which it is not known whether they happened: their process died before it stored
-- the store's answer, or the answer did not come. A row goes in the transaction that stores the answer. No foreign key:
-- its check would wait for whoever holds the listing.
CREATE TABLE push.intent (
    listing_id bigint PRIMARY KEY,
    -- What the store is believed to show if the write happened, and the units taken that this number includes.
    shows bigint NOT NULL,
    taken numeric NOT NULL,
    since timestamptz NOT NULL
);
