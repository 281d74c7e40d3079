-- name: ensure_locations
-- Rows for locations that were configured or sold at for the first time; they are due at once. Sorted against deadlock.
INSERT INTO prokip.location (business_id, location_id)
SELECT DISTINCT business_id, location_id FROM unnest($1::bigint[], $2::text[]) AS given (business_id, location_id)
ORDER BY business_id, location_id
ON CONFLICT DO NOTHING;

-- name: due_businesses
-- Businesses with a location among the configured ones ($1, $2) that is to be read now and that nobody reads.
SELECT DISTINCT held.business_id
FROM prokip.location AS held
JOIN unnest($1::bigint[], $2::text[]) AS given (business_id, location_id) USING (business_id, location_id)
WHERE (held.next_poll_at <= now() OR EXISTS (SELECT FROM prokip.round WHERE round.business_id = held.business_id))
    AND (held.reader_until IS NULL OR held.reader_until <= now())
    AND (held.blocked_until IS NULL OR held.blocked_until <= now())
ORDER BY held.business_id;

-- name: lock_due_locations
-- The same for one business, locked: the replica that gets them reads those that are due, and those that a round needs.
SELECT location_id, sequence, first_read_complete, left_out, failures, skus, next_poll_at <= now() AS due,
    now() AS claimed_at
FROM prokip.location
WHERE business_id = $1 AND location_id = ANY ($2::text[])
    AND (next_poll_at <= now() OR EXISTS (SELECT FROM prokip.round WHERE round.business_id = $1))
    AND (reader_until IS NULL OR reader_until <= now())
    AND (blocked_until IS NULL OR blocked_until <= now())
ORDER BY location_id
FOR UPDATE SKIP LOCKED;

-- name: begin_read
-- Marks a locked location as being read by $3 for at most $4 seconds; $5 seconds without new postings, or none.
UPDATE prokip.location
SET sequence = sequence + 1,
    reader = $3,
    reader_until = now() + make_interval(secs => $4),
    posting_held_until = CASE WHEN $5::float8 > 0 THEN now() + make_interval(secs => $5) END
WHERE business_id = $1 AND location_id = $2;

-- name: extend_read
-- The process that reads is alive.
UPDATE prokip.location SET reader_until = now() + make_interval(secs => $3) WHERE business_id = $1 AND reader = $2;

-- name: abandon_read
-- The process ends while it reads; another may begin at once.
UPDATE prokip.location
SET reader = NULL, reader_until = NULL, posting_held_until = NULL, next_poll_at = now()
WHERE business_id = $1 AND reader = $2;

-- name: rounds_of_business
-- Who waits for a round, oldest first. Index: round_business_idx.
SELECT round_id, connection_id, correlation_id FROM prokip.round WHERE business_id = $1 ORDER BY requested_at, round_id;

-- name: hold_lease
-- Locks the location of a read that is being stored; nothing comes back if its time had run out.
SELECT location_id FROM prokip.location WHERE business_id = $1 AND location_id = $2 AND reader = $3 FOR UPDATE;

-- name: finish_read
-- The read $3, claimed at $10, is over and good. A wait that Prokip asked a posting for meanwhile is kept, and so is the
-- wish for a read that came while this one was under way.
UPDATE prokip.location
SET reader = NULL, reader_until = NULL, posting_held_until = NULL, failures = 0,
    blocked_until = CASE WHEN health = 'throttled' AND blocked_until > now() THEN blocked_until END,
    health = CASE WHEN health = 'throttled' AND blocked_until > now() THEN health ELSE 'healthy' END,
    reason = CASE WHEN health = 'throttled' AND blocked_until > now() THEN reason ELSE '' END,
    last_read_at = now(),
    next_poll_at = CASE
        WHEN next_poll_at > $10 AND next_poll_at <= now() THEN next_poll_at
        ELSE now() + make_interval(secs => $4)
    END,
    first_read_complete = $5, skus = coalesce($6, skus), skus_missing = $7, rows_without_sku = $8, left_out = $9
WHERE business_id = $1 AND location_id = $2 AND reader = $3;

-- name: fail_read
-- The read $3 is over and told nothing; what is known stays as it is.
UPDATE prokip.location
SET reader = NULL, reader_until = NULL, posting_held_until = NULL,
    health = $4, reason = $5, failures = failures + 1,
    next_poll_at = now() + make_interval(secs => $6),
    blocked_until = CASE WHEN $7::boolean THEN now() + make_interval(secs => $6) ELSE blocked_until END
WHERE business_id = $1 AND location_id = $2 AND reader = $3;

-- name: forget_rounds
-- They have been answered.
DELETE FROM prokip.round WHERE business_id = $1 AND round_id = ANY ($2::uuid[]);

-- name: add_rounds
-- Somebody waits; the same request twice is one.
INSERT INTO prokip.round (round_id, business_id, connection_id, correlation_id)
SELECT round_id, business_id, connection_id, correlation_id
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[])
    AS given (round_id, business_id, connection_id, correlation_id)
ORDER BY round_id
ON CONFLICT DO NOTHING;

-- name: poll_soon
-- Read these businesses now. A wait that Prokip itself asked for is kept.
UPDATE prokip.location
SET next_poll_at = now(), blocked_until = CASE WHEN health = 'throttled' THEN blocked_until END
WHERE (business_id, location_id) IN (
    SELECT business_id, location_id FROM prokip.location
    WHERE business_id = ANY ($1::bigint[])
    ORDER BY business_id, location_id
    FOR UPDATE
);

-- name: read_soon
-- Something changed that the usual read would tell too late.
UPDATE prokip.location SET next_poll_at = now() WHERE business_id = $1 AND location_id = $2;

-- name: forget_failures
-- Prokip's settings changed: whatever was wrong is tried again at once, and what a read under way found is not told.
UPDATE prokip.location
SET next_poll_at = now(), blocked_until = NULL, failures = 0,
    reader = NULL, reader_until = NULL, posting_held_until = NULL
WHERE (business_id, location_id) IN (
    SELECT business_id, location_id FROM prokip.location
    WHERE business_id = ANY ($1::bigint[])
    ORDER BY business_id, location_id
    FOR UPDATE
);
