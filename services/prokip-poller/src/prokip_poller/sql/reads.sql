-- name: look_around
-- What is on its way at a location, before a page is asked for. Index: sale_posting_open_idx.
WITH open AS (
    SELECT DISTINCT outcome, jsonb_object_keys(units) AS sku
    FROM prokip.sale_posting
    WHERE business_id = $1 AND location_id = $2 AND outcome IN ('posting', 'in_doubt')
)
SELECT
    (SELECT counter_moves FROM prokip.location WHERE business_id = $1 AND location_id = $2) AS moves,
    coalesce((SELECT array_agg(sku) FROM open WHERE outcome = 'posting'), '{}') AS posting,
    coalesce((SELECT array_agg(sku) FROM open WHERE outcome = 'in_doubt'), '{}') AS in_doubt;

-- name: look_at_page
-- The same once a page is there, with what is held of its SKUs; one statement, so that all of it is of one moment.
-- SKUs whose pair is what was sent and about which nothing else is special come back as numbers only: those are nearly
-- all. $3 is the read's row, $9 what was open before, $10 the location's moves before; $5 to $8 may end before $4 does.
-- Columns are array literals. Each table is asked once for all SKUs, which goes through its key in order. FULL JOIN because it is always carried out
-- by hashing or merging: the planner, who takes an array for ten values, would else go through all pairs.
WITH open AS MATERIALIZED (
    SELECT DISTINCT outcome, jsonb_object_keys(units) AS sku
    FROM prokip.sale_posting
    WHERE business_id = $1 AND location_id = $2 AND outcome IN ('posting', 'in_doubt')
),
asked AS MATERIALIZED (
    SELECT $4::text::text[] AS skus
),
given AS MATERIALIZED (
    SELECT sku, quantity, left_alone, product_id, variation_id
    FROM unnest(
        (SELECT skus FROM asked), $5::text::numeric[], $6::text::text[], $7::text::bigint[], $8::text::bigint[]
    ) AS given (sku, quantity, left_alone, product_id, variation_id)
),
sent AS MATERIALIZED (
    SELECT sku, number, quantity, recorded FROM prokip.sku_snapshot
    WHERE business_id = $1 AND location_id = $2 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
counter AS MATERIALIZED (
    SELECT sku, units, moved_at FROM prokip.recorded_counter
    WHERE business_id = $1 AND location_id = $2 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
found AS MATERIALIZED (
    SELECT sku, after_quantity, after_recorded FROM prokip.read_change
    WHERE read_id = $3 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
held_back AS MATERIALIZED (
    SELECT sku, base FROM prokip.held_back
    WHERE business_id = $1 AND location_id = $2 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
left_alone AS MATERIALIZED (
    SELECT sku, reason, number FROM prokip.left_alone
    WHERE business_id = $1 AND location_id = $2 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
goods AS MATERIALIZED (
    SELECT sku, product_id, variation_id FROM prokip.goods
    WHERE business_id = $1 AND sku = ANY ((SELECT skus FROM asked)::text[])
),
page AS MATERIALIZED (
    SELECT
        sku, sent.number, sent.quantity, sent.recorded,
        coalesce(counter.units, 0) AS units, coalesce(counter.moved_at, 0) AS moved_at,
        found.after_quantity AS found_quantity, found.after_recorded AS found_recorded, held_back.base AS held_back,
        left_alone.number AS left_alone_number,
        given.left_alone IS DISTINCT FROM left_alone.reason AS left_alone_differs,
        given.product_id IS NOT NULL
            AND (goods.product_id IS DISTINCT FROM given.product_id
                OR goods.variation_id IS DISTINCT FROM given.variation_id) AS goods_differ,
        given.quantity IS NOT NULL
            AND (sent.quantity IS DISTINCT FROM given.quantity
                OR sent.recorded IS DISTINCT FROM coalesce(counter.units, 0)
                OR counter.moved_at > $10
                OR found.after_quantity IS NOT NULL
                OR held_back.base IS NOT NULL
                OR sku = ANY ($9::text[])
                OR sku IN (SELECT sku FROM open)) AS special
    FROM given
    FULL JOIN sent USING (sku)
    FULL JOIN counter USING (sku)
    FULL JOIN found USING (sku)
    FULL JOIN held_back USING (sku)
    FULL JOIN left_alone USING (sku)
    FULL JOIN goods USING (sku)
)
SELECT
    (SELECT counter_moves FROM prokip.location WHERE business_id = $1 AND location_id = $2) AS moves,
    coalesce((SELECT array_agg(sku) FROM open WHERE outcome = 'posting'), '{}') AS posting,
    coalesce((SELECT array_agg(sku) FROM open WHERE outcome = 'in_doubt'), '{}') AS in_doubt,
    array_agg(number) FILTER (WHERE number IS NOT NULL) AS numbers,
    array_agg(left_alone_number) FILTER (WHERE left_alone_number IS NOT NULL) AS left_alone_numbers,
    array_agg(sku) FILTER (WHERE left_alone_differs) AS left_alone_differ,
    array_agg(sku) FILTER (WHERE goods_differ) AS goods_differ,
    array_agg(sku) FILTER (WHERE special) AS skus,
    array_agg(number) FILTER (WHERE special) AS sku_numbers,
    array_agg(quantity) FILTER (WHERE special) AS quantities,
    array_agg(recorded) FILTER (WHERE special) AS recorded,
    array_agg(units) FILTER (WHERE special) AS units,
    array_agg(moved_at) FILTER (WHERE special) AS moved_at,
    array_agg(found_quantity) FILTER (WHERE special) AS found_quantities,
    array_agg(found_recorded) FILTER (WHERE special) AS found_recorded,
    array_agg(held_back) FILTER (WHERE special) AS held_back
FROM page;

-- name: save_goods
-- Ids that Prokip names for the first time, or differently than before. Sorted against deadlock.
INSERT INTO prokip.goods (business_id, sku, product_id, variation_id)
SELECT $1, sku, product_id, variation_id
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS given (sku, product_id, variation_id)
ORDER BY sku
ON CONFLICT (business_id, sku) DO UPDATE
SET product_id = excluded.product_id, variation_id = excluded.variation_id;

-- name: save_left_alone
-- SKUs that are left alone now, or for another reason.
INSERT INTO prokip.left_alone (business_id, location_id, sku, reason)
SELECT $1, $2, sku, reason FROM unnest($3::text[], $4::text[]) AS given (sku, reason)
ON CONFLICT (business_id, location_id, sku) DO UPDATE SET reason = excluded.reason;

-- name: forget_left_alone
-- SKUs that have a quantity now.
DELETE FROM prokip.left_alone WHERE business_id = $1 AND location_id = $2 AND sku = ANY ($3::text[]);

-- name: left_alone_numbers
-- For finding those that Prokip no longer names.
SELECT number FROM prokip.left_alone WHERE business_id = $1 AND location_id = $2;

-- name: forget_left_alone_numbers
-- SKUs that Prokip no longer names.
DELETE FROM prokip.left_alone WHERE business_id = $1 AND location_id = $2 AND number = ANY ($3::bigint[]);

-- name: forget_cut_off_reads
-- What reads that never ended had collected. Index: stock_read_under_way_idx.
DELETE FROM prokip.stock_read WHERE business_id = $1 AND location_id = $2 AND state = 'reading';

-- name: open_read
-- A read has found its first change. Only for the one that holds the lease: nothing comes back for another.
INSERT INTO prokip.stock_read (business_id, location_id, sequence, state)
SELECT business_id, location_id, $3, 'reading' FROM prokip.location
WHERE business_id = $1 AND location_id = $2 AND reader = $4
RETURNING read_id;

-- name: add_read
-- A read that is held although it changes nothing: too few SKUs are in it.
INSERT INTO prokip.stock_read (business_id, location_id, sequence, state) VALUES ($1, $2, $3, 'reading') RETURNING read_id;

-- name: collect_changes
-- What a read would change. Fails on the foreign key once another replica has taken over and cleaned up.
INSERT INTO prokip.read_change (
    read_id, business_id, sku, before_quantity, before_recorded, after_quantity, after_recorded
)
SELECT $1, $2, sku, before_quantity, before_recorded, after_quantity, after_recorded
FROM unnest($3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[])
    AS given (sku, before_quantity, before_recorded, after_quantity, after_recorded)
ON CONFLICT (read_id, sku) DO UPDATE
SET after_quantity = excluded.after_quantity, after_recorded = excluded.after_recorded;

-- name: drop_changes
-- They turned out to be uncertain.
DELETE FROM prokip.read_change WHERE read_id = $1 AND sku = ANY ($2::text[]);

-- name: tally
-- What a read would do, how many SKUs have ever been told at the location, and what a held read says of SKUs that this
-- one leaves out ($4).
WITH waiting AS (
    SELECT
        count(*) AS changed,
        count(*) FILTER (WHERE change.before_quantity > 0 AND change.after_quantity <= 0) AS zeroed
    FROM prokip.stock_read AS held
    JOIN prokip.read_change AS change USING (read_id)
    WHERE held.business_id = $1 AND held.location_id = $2 AND held.state = 'held' AND change.sku = ANY ($4::text[])
)
SELECT
    (SELECT count(*) FROM prokip.sku_snapshot WHERE business_id = $1 AND location_id = $2) AS known,
    (SELECT count(*) FROM prokip.left_alone WHERE business_id = $1 AND location_id = $2) AS left_alone,
    (SELECT changed FROM waiting) AS still_held,
    (SELECT zeroed FROM waiting) AS still_held_zeroed,
    count(read_id) AS changes,
    count(*) FILTER (WHERE before_quantity IS NULL AND read_id IS NOT NULL) AS never_told,
    count(*) FILTER (WHERE before_quantity + before_recorded <> after_quantity + after_recorded) AS changed,
    count(*) FILTER (
        WHERE before_quantity + before_recorded <> after_quantity + after_recorded
            AND before_quantity > 0 AND after_quantity <= 0
    ) AS zeroed
FROM prokip.read_change
WHERE read_id = $3;

-- name: untold
-- Which of the given SKUs have never been told.
SELECT sku FROM unnest($3::text[]) AS given (sku)
WHERE NOT EXISTS (
    SELECT FROM prokip.sku_snapshot AS held
    WHERE held.business_id = $1 AND held.location_id = $2 AND held.sku = given.sku
);

-- name: held_read
-- The read of a location that waits for a person, and whether the read $3 says the same of the same SKUs, but for
-- those that it leaves out ($4).
SELECT
    held.read_id,
    NOT EXISTS (
        SELECT
        FROM (
            SELECT * FROM prokip.read_change WHERE read_id = held.read_id AND sku <> ALL ($4::text[])
        ) AS old
        FULL JOIN (
            SELECT * FROM prokip.read_change
            WHERE read_id = $3 AND before_quantity + before_recorded <> after_quantity + after_recorded
        ) AS new USING (sku)
        WHERE old.after_quantity + old.after_recorded IS DISTINCT FROM new.after_quantity + new.after_recorded
    ) AS same
FROM prokip.stock_read AS held
WHERE business_id = $1 AND location_id = $2 AND state = 'held'
FOR UPDATE;

-- name: changes_to_tell
-- The next part in SKU order, after $2; only those whose base stays as it was told if $4.
SELECT sku, after_quantity AS quantity, after_recorded AS recorded
FROM prokip.read_change
WHERE read_id = $1 AND sku > $2
    AND (NOT $4::boolean OR (before_quantity + before_recorded = after_quantity + after_recorded) IS NOT FALSE)
ORDER BY sku
LIMIT $3;

-- name: keep_only_moved
-- What a held read keeps: the others have been told.
DELETE FROM prokip.read_change
WHERE read_id = $1 AND (before_quantity + before_recorded = after_quantity + after_recorded) IS NOT FALSE;

-- name: save_sent
-- What is being sent now; an older read never overwrites a newer one.
INSERT INTO prokip.sku_snapshot AS held (business_id, location_id, sku, quantity, recorded, sequence)
SELECT $1, $2, sku, quantity, recorded, $3
FROM unnest($4::text[], $5::numeric[], $6::numeric[]) AS given (sku, quantity, recorded)
ON CONFLICT (business_id, location_id, sku) DO UPDATE
SET quantity = excluded.quantity, recorded = excluded.recorded, sequence = excluded.sequence
WHERE held.sequence < excluded.sequence;

-- name: sent
-- The next part in SKU order, after $3, of all that was sent of a location.
SELECT sku, quantity, recorded FROM prokip.sku_snapshot
WHERE business_id = $1 AND location_id = $2 AND sku > $3
ORDER BY sku
LIMIT $4;

-- name: end_read
-- Gives a read its state and what was counted.
UPDATE prokip.stock_read
SET state = $2, held_for = $3, known_skus = $4, named_skus = $5, changed_skus = $6, zeroed_skus = $7, named_before_skus = $8,
    decided_at = CASE WHEN $2 <> 'held' THEN now() END
WHERE read_id = $1;

-- name: end_held_read
-- A newer read has something else to say.
UPDATE prokip.stock_read SET state = $2, decided_at = now() WHERE read_id = $1 AND state = 'held';

-- name: forget_read
-- It changed nothing, or failed.
DELETE FROM prokip.stock_read WHERE read_id = $1;

-- name: lift
-- Prokip shows something else than what was held back.
DELETE FROM prokip.held_back WHERE business_id = $1 AND location_id = $2 AND sku = ANY ($3::text[]);

-- name: location_of_read
-- Where a read was made: the location's row is locked before the read's, as reads do.
SELECT location_id FROM prokip.stock_read WHERE business_id = $1 AND read_id = $2 AND state <> 'reading';

-- name: lock_read
-- One read, for whoever decides about it.
SELECT state FROM prokip.stock_read WHERE business_id = $1 AND read_id = $2 FOR UPDATE;

-- name: fence
-- A decision is newer than any read under way: that one finds its lease gone, and the next one begins at once.
UPDATE prokip.location
SET sequence = sequence + 1, reader = NULL, reader_until = NULL, posting_held_until = NULL, next_poll_at = now()
WHERE business_id = $1 AND location_id = $2
RETURNING sequence;

-- name: decide_read
-- What a person said of a read.
UPDATE prokip.stock_read SET state = $2, sequence = coalesce($3, sequence), decided_at = now() WHERE read_id = $1;

-- name: accept_named
-- A released read's number of SKUs is what the next one is compared with.
UPDATE prokip.location AS held
SET skus = read.named_skus
FROM prokip.stock_read AS read
WHERE read.read_id = $1 AND held.business_id = read.business_id AND held.location_id = read.location_id;

-- name: hold_back_changes
-- The bases of a read are not told again until Prokip shows others; only where they still are what was told ($4).
INSERT INTO prokip.held_back (business_id, location_id, sku, base, read_id)
SELECT $1, $2, change.sku, change.after_quantity + change.after_recorded, $3
FROM prokip.read_change AS change
LEFT JOIN prokip.sku_snapshot AS sent
    ON sent.business_id = $1 AND sent.location_id = $2 AND sent.sku = change.sku
WHERE change.read_id = $3 AND change.before_quantity IS NOT NULL
    AND change.before_quantity + change.before_recorded <> change.after_quantity + change.after_recorded
    AND (NOT $4::boolean OR sent.quantity + sent.recorded = change.after_quantity + change.after_recorded)
ON CONFLICT (business_id, location_id, sku) DO UPDATE SET base = excluded.base, read_id = excluded.read_id
RETURNING sku;

-- name: changes_to_undo
-- The next part of what is to be told instead: the base from before the read, with the R of now. Only what is held back,
-- which is what the read changed and no later one did.
SELECT
    change.sku,
    change.before_quantity + change.before_recorded - coalesce(counter.units, 0) AS quantity,
    coalesce(counter.units, 0) AS recorded
FROM prokip.read_change AS change
JOIN prokip.held_back ON held_back.business_id = $1 AND held_back.location_id = $2 AND held_back.sku = change.sku
    AND held_back.read_id = change.read_id
LEFT JOIN prokip.recorded_counter AS counter
    ON counter.business_id = $1 AND counter.location_id = $2 AND counter.sku = change.sku
WHERE change.read_id = $3 AND change.sku > $4
ORDER BY change.sku
LIMIT $5;

-- name: let_through
-- The decision about a read is taken back; what Prokip shows is looked at afresh.
DELETE FROM prokip.held_back WHERE business_id = $1 AND read_id = $2 RETURNING sku;

-- name: forget_old_reads
-- A lot of those that nobody can need any more.
DELETE FROM prokip.stock_read
WHERE read_id IN (
    SELECT read_id FROM prokip.stock_read AS old
    WHERE state NOT IN ('held', 'reading') AND decided_at < now() - make_interval(secs => $1)
        AND NOT EXISTS (SELECT FROM prokip.held_back WHERE held_back.read_id = old.read_id)
    ORDER BY read_id
    LIMIT $2
);
