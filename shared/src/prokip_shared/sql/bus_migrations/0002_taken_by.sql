-- Who has a bundle: a taker whose connection was cut finds what it was given and never heard of, and need not wait
-- until its own lease runs out. No index: it narrows down one queue's rows.
ALTER TABLE bus.message ADD COLUMN taken_by uuid;
