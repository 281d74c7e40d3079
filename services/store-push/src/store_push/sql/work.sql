-- name: due_connections
-- Which connections have something to do, since or from when, and whether they are failing. One index probe each.
SELECT w.connection_id, w.health IN ('failing', 'needs_reauthorisation') AS failing,
    extract(epoch FROM greatest(w.next_attempt_at, d.due_at) - now())::double precision AS ready_in_s
FROM push.connection_work w
CROSS JOIN LATERAL (
    SELECT min(l.due_at) AS due_at FROM push.listing l WHERE l.connection_id = w.connection_id AND l.due_at IS NOT NULL
) d
WHERE w.active AND w.writable AND d.due_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM push.first_quantities f
        WHERE f.connection_id = w.connection_id AND f.state IN ('waiting', 'held', 'refused')
    )
ORDER BY 3;

-- name: still_there
-- Asked now and then over the connection that listens, which would not notice a server that vanished.
SELECT true;

-- name: claim_connection
-- The claim: held until the transaction ends, also by a crash. No row: another worker has it, or nothing may be done. No
-- row lock, which would give the transaction a number, as in lock_sweep. What another worker stores in the very moment
-- between this statement's snapshot and the lock is missed: how the store answered it, but no listing.
-- The commit need not wait for the disk: should the server lose it, the listings are due again, as after any crash
-- between a store's answer and the commit, and the next compare-and-set finds what the store shows.
SELECT w.connection_id, w.business_id, w.platform, w.health, w.health_since, w.consecutive_failures, w.last_push_at,
    clock_timestamp() AS claimed_at, coalesce(c.differences, 'prokip_wins') = 'ask' AS asks,
    set_config('synchronous_commit', 'off', true)
FROM push.connection_work w
LEFT JOIN push.connection_rule c USING (connection_id)
WHERE w.connection_id = $1 AND w.active AND w.writable AND w.next_attempt_at <= now() AND NOT EXISTS (
        SELECT FROM push.first_quantities f
        WHERE f.connection_id = w.connection_id AND f.state IN ('waiting', 'held', 'refused')
    )
    AND pg_try_advisory_xact_lock(hashtextextended('push.work', $1::bigint));

-- name: due_listings
-- Zeros first, because selling what is gone hurts most; then the oldest. With what an earlier attempt left open.
SELECT id, item_ref, parent_ref, place_ref, sku, target, target_revision, target_taken, correlation_id,
    confirmed, confirmed_taken, confirmed_revision, confirmed_at, drifted_at, must_read, hinted, hints,
    gap, gap_taken, gap_since, held_since IS NOT NULL AS held, i.shows, i.taken, i.since
FROM push.listing
LEFT JOIN push.intent i ON i.listing_id = id
WHERE connection_id = $1 AND state = 'matched' AND due_at <= clock_timestamp()
ORDER BY (target = 0) DESC, due_at, id
LIMIT $2;

-- name: record_results
-- What a push did ($4 to $15: one row of history for each listing that was written, refused, unanswered or in conflict)
-- and what it settled, with which the intents in $33 end. A target or a hint that came meanwhile keeps the listing due.
-- Listings are locked in the order of their ids, as mark_due does.
WITH history AS (
    INSERT INTO push.push (
        business_id, connection_id, listing_id, sku, expected, shown, sent, answered, outcome, detail, revision,
        answer_ms, window_ms, correlation_id, at
    )
    SELECT $1, $2, n.listing_id, n.sku, n.expected, n.shown, n.sent, n.answered, n.outcome, n.detail, n.revision,
        n.answer_ms, n.window_ms, n.correlation_id, $3
    FROM unnest(
        $4::text::bigint[], $5::text::text[], $6::text::bigint[], $7::text::bigint[], $8::text::bigint[],
        $9::text::bigint[], $10::text::text[], $11::text::text[], $12::text::bigint[], $13::text::real[],
        $14::text::real[], $15::text::text[]
    ) AS n (
        listing_id, sku, expected, shown, sent, answered, outcome, detail, revision, answer_ms, window_ms,
        correlation_id
    )
), news AS (
    SELECT * FROM unnest(
        $16::text::bigint[], $17::text::text[], $18::text::text[], $19::text::bigint[], $20::text::numeric[],
        $21::text::bigint[], $22::text::timestamptz[], $23::text::timestamptz[], $24::text::timestamptz[],
        $25::text::boolean[], $26::text::bigint[], $27::text::numeric[], $28::text::timestamptz[],
        $29::text::bigint[], $30::text::bigint[], $31::text::bigint[], $32::text::boolean[]
    ) AS n (
        id, state, reason, confirmed, confirmed_taken, confirmed_revision, confirmed_at,
        drifted_at, due_at, must_read, gap, gap_taken, gap_since, revision, hints, target, held
    )
), known AS (
    DELETE FROM push.intent WHERE listing_id = ANY($33::text::bigint[])
), locked AS (
    SELECT l.id FROM push.listing l JOIN news ON news.id = l.id ORDER BY l.id FOR UPDATE OF l
)
UPDATE push.listing l SET
    state = news.state,
    reason = news.reason,
    confirmed = news.confirmed,
    confirmed_taken = news.confirmed_taken,
    confirmed_revision = news.confirmed_revision,
    confirmed_at = news.confirmed_at,
    drifted_at = news.drifted_at,
    must_read = news.must_read OR l.hints > news.hints,
    gap = news.gap,
    gap_taken = news.gap_taken,
    gap_since = news.gap_since,
    -- A decision that came meanwhile counts as a hint, and stands.
    held_since = CASE WHEN l.hints > news.hints THEN l.held_since WHEN news.held THEN coalesce(l.held_since, $3) END,
    due_at = CASE
        WHEN news.state <> 'matched' THEN NULL
        -- Also at the same revision: a rule has changed.
        WHEN (l.target_revision > news.revision OR l.target IS DISTINCT FROM news.target) AND l.target IS NOT NULL THEN now()
        WHEN l.hints > news.hints THEN least(l.due_at, news.due_at)
        ELSE news.due_at
    END
FROM news, locked WHERE l.id = news.id AND locked.id = news.id;

-- name: record_drift
-- What was found to be unexplained.
INSERT INTO push.drift (business_id, connection_id, listing_id, sku, expected, shown, cause, at)
SELECT $1, $2, n.listing_id, n.sku, n.expected, n.shown, n.cause, $3
FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])
    AS n (listing_id, sku, expected, shown, cause);

-- name: ask_differences
-- What an operator is to decide.
INSERT INTO push.difference (business_id, connection_id, listing_id, sku, expected, shown, target, cause, at)
SELECT $1, $2, n.listing_id, n.sku, n.expected, n.shown, n.target, n.cause, $3
FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
    AS n (listing_id, sku, expected, shown, target, cause)
ORDER BY n.listing_id
ON CONFLICT (listing_id) WHERE state IN ('open', 'left') DO NOTHING;

-- name: close_differences
-- They have gone away by themselves.
UPDATE push.difference SET state = 'explained', decided_at = $2
WHERE listing_id = ANY($1::bigint[]) AND state IN ('open', 'left');

-- name: record_attempt
-- How the store answered, and when it is tried again.
UPDATE push.connection_work SET
    health = $2,
    health_since = $3,
    health_detail = $4,
    consecutive_failures = $5,
    next_attempt_at = clock_timestamp() + $6::double precision * interval '1 second',
    last_attempt_at = now(),
    last_push_at = CASE WHEN $7 THEN clock_timestamp() ELSE last_push_at END
WHERE connection_id = $1;
