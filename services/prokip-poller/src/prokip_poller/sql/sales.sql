-- name: upsert_due_sales
-- What Prokip should know of orders; the highest revision wins. An order with a request under way or in doubt takes
-- the new state and waits for that request's end. Sorted, so that two replicas wait for each other but never for ever.
INSERT INTO prokip.sale AS held (
    business_id, connection_id, order_ref, location_id, order_number, order_status, sold_at, revision, lines,
    correlation_id
)
SELECT
    business_id, connection_id, order_ref, location_id, order_number, order_status, sold_at, revision, lines,
    correlation_id
FROM unnest(
    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[],
    $9::jsonb[], $10::text[]
) AS given (
    business_id, connection_id, order_ref, location_id, order_number, order_status, sold_at, revision, lines,
    correlation_id
)
ORDER BY business_id, connection_id, order_ref
ON CONFLICT (business_id, connection_id, order_ref) DO UPDATE
SET order_number = excluded.order_number,
    order_status = excluded.order_status,
    sold_at = excluded.sold_at,
    revision = excluded.revision,
    lines = excluded.lines,
    correlation_id = excluded.correlation_id,
    state = CASE WHEN held.state IN ('posting', 'in_doubt') THEN held.state ELSE 'due' END,
    next_attempt_at = CASE WHEN held.state IN ('posting', 'in_doubt') THEN NULL ELSE now() END,
    attempts = 0,
    changed_at = now()
WHERE held.revision < excluded.revision;

-- name: locations_with_due_sales
-- Where something is to be told now, among the businesses whose Prokip is known. Index: sale_due_idx.
SELECT held.business_id, held.location_id
FROM prokip.location AS held
WHERE held.business_id = ANY ($1::bigint[])
    AND (held.blocked_until IS NULL OR held.blocked_until <= now())
    AND (held.posting_held_until IS NULL OR held.posting_held_until <= now())
    AND EXISTS (
        SELECT FROM prokip.sale
        WHERE sale.business_id = held.business_id AND sale.location_id = held.location_id
            AND sale.state IN ('due', 'refused') AND sale.next_attempt_at <= now()
    );

-- name: lock_location_for_posting
-- Claims of one location come one after the other; empty while it is blocked or a read wants quiet.
SELECT location_id FROM prokip.location
WHERE business_id = $1 AND location_id = $2
    AND (blocked_until IS NULL OR blocked_until <= now())
    AND (posting_held_until IS NULL OR posting_held_until <= now())
FOR UPDATE;

-- name: postings_under_way
-- Requests that are out for one location now; asked after its lock, or the number could be from before.
SELECT count(*) FROM prokip.sale_posting WHERE business_id = $1 AND location_id = $2 AND outcome = 'posting';

-- name: claim_sales
-- The sales due longest, at most $3; SKIP LOCKED, so that nobody waits while the location is locked.
-- Index: sale_due_idx.
SELECT connection_id, order_ref, location_id, sold_at, revision, lines, state, attempts, detail, correlation_id
FROM prokip.sale
WHERE business_id = $1 AND location_id = $2 AND state IN ('due', 'refused') AND next_attempt_at <= now()
ORDER BY next_attempt_at
LIMIT $3
FOR UPDATE SKIP LOCKED;

-- name: lock_sales
-- Orders, for whoever changes their state; locked in their order, so that two wait for each other but never for ever.
SELECT
    sale.connection_id, sale.order_ref, sale.location_id, sale.sold_at, sale.revision, sale.lines, sale.state,
    sale.attempts, sale.detail, sale.correlation_id
FROM unnest($2::bigint[], $3::text[]) AS given (connection_id, order_ref)
JOIN prokip.sale
    ON sale.business_id = $1 AND sale.connection_id = given.connection_id AND sale.order_ref = given.order_ref
ORDER BY sale.connection_id, sale.order_ref
FOR UPDATE OF sale;

-- name: told_lines
-- What Prokip was told of the given orders. Index: sale_posting_order_idx.
SELECT
    posting.connection_id, posting.order_ref, posting.posting_id, posting.sell_id, line.sku, line.sold, line.returned,
    line.line_id
FROM unnest($2::bigint[], $3::text[]) AS given (connection_id, order_ref)
JOIN prokip.sale_posting AS posting
    ON posting.business_id = $1
        AND posting.connection_id = given.connection_id
        AND posting.order_ref = given.order_ref
JOIN prokip.told_line AS line ON line.posting_id = posting.posting_id AND line.business_id = $1
ORDER BY posting.posting_id, line.sku;

-- name: begin_postings
-- Requests, numbered in the order given, and their orders as being told; committed before they leave, so that replicas
-- and reads see them.
WITH begun AS (
    INSERT INTO prokip.sale_posting (
        business_id, connection_id, order_ref, location_id, revision, kind, refund_of, reference, units, outcome,
        process, expires_at, sold_at, findable
    )
    SELECT
        $1, connection_id, order_ref, $2, revision, kind, refund_of, reference, units, 'posting',
        $3, now() + make_interval(secs => $4), sold_at, $5
    FROM unnest(
        $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::jsonb[], $13::timestamptz[]
    ) WITH ORDINALITY AS given (
        connection_id, order_ref, revision, kind, refund_of, reference, units, sold_at, number
    )
    ORDER BY number
    RETURNING posting_id, connection_id, order_ref
)
UPDATE prokip.sale
SET state = 'posting', detail = '', next_attempt_at = NULL, changed_at = now()
FROM begun
WHERE sale.business_id = $1 AND sale.connection_id = begun.connection_id AND sale.order_ref = begun.order_ref
RETURNING begun.posting_id, sale.connection_id, sale.order_ref;

-- name: end_postings
-- Gives postings their outcome, once: those that are no longer in one of the states $9 are not among the answers. A
-- doubt that can be looked up is looked up in $8 seconds.
UPDATE prokip.sale_posting AS posting
SET outcome = given.outcome, sell_id = coalesce(given.sell_id, posting.sell_id), answer = given.answer, by_hand = $10,
    ended_at = now(), looking_until = NULL,
    next_look_at = CASE
        WHEN given.outcome = 'in_doubt' AND posting.findable THEN now() + make_interval(secs => $8)
    END
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) AS given (
    posting_id, connection_id, order_ref, outcome, sell_id, answer
)
WHERE posting.posting_id = given.posting_id AND posting.business_id = $1
    AND posting.connection_id = given.connection_id AND posting.order_ref = given.order_ref
    AND posting.outcome = ANY ($9::text[])
RETURNING posting.posting_id, posting.kind, posting.refund_of, posting.units, posting.revision;

-- name: add_hand_posting
-- A return that a person entered in Prokip.
INSERT INTO prokip.sale_posting (
    business_id, connection_id, order_ref, location_id, revision, kind, refund_of, reference, units, outcome, answer,
    by_hand, process, expires_at, ended_at
)
VALUES ($1, $2, $3, $4, $5, 'refund', $6, $7, $8, 'recorded', $9, true, $10, now(), now());

-- name: counted_by_another
-- Whether the effect of posting $1, a sale with the number $2 or a return, is counted by another posting of its order.
SELECT EXISTS (
    SELECT FROM prokip.sale_posting AS late
    JOIN prokip.sale_posting AS other USING (business_id, connection_id, order_ref)
    WHERE late.posting_id = $1 AND other.posting_id <> $1
        AND CASE late.kind
            WHEN 'sell' THEN other.kind = 'sell' AND other.outcome = 'recorded' AND other.sell_id = $2
            ELSE other.refund_of = late.refund_of AND other.posting_id > $1
        END
);

-- name: add_repeat
-- A sale that Prokip holds once more than we wanted.
INSERT INTO prokip.sale_posting (
    business_id, connection_id, order_ref, location_id, revision, kind, reference, units, outcome, sell_id, answer,
    process, expires_at, ended_at, sold_at, findable
)
SELECT
    business_id, connection_id, order_ref, location_id, revision, kind, reference, units, 'recorded', $2,
    'Found in Prokip once more than it should be there.', process, now(), now(), sold_at, findable
FROM prokip.sale_posting
WHERE posting_id = $1
RETURNING posting_id;

-- name: add_told_lines
-- Prokip has recorded sales.
INSERT INTO prokip.told_line (posting_id, business_id, sku, sold, line_id)
SELECT posting_id, $1, sku, units, line_id
FROM unnest($2::bigint[], $3::text[], $4::numeric[], $5::text[]) AS given (posting_id, sku, units, line_id);

-- name: add_returned
-- Prokip took units back from the sales of these postings; each line is named once.
UPDATE prokip.told_line
SET returned = returned + given.units
FROM unnest($2::bigint[], $3::text[], $4::numeric[]) AS given (posting_id, sku, units)
WHERE told_line.posting_id = given.posting_id AND told_line.business_id = $1 AND told_line.sku = given.sku;

-- name: move_location
-- One more move of the location's counters; the row lock makes the numbers commit in order. Prokip did something for
-- us, so it is reachable and takes the token.
UPDATE prokip.location
SET counter_moves = counter_moves + 1,
    failures = 0,
    blocked_until = NULL,
    health = CASE WHEN health IN ('unavailable', 'not_authorised', 'throttled') THEN 'healthy' ELSE health END,
    reason = CASE WHEN health IN ('unavailable', 'not_authorised', 'throttled') THEN '' ELSE reason END
WHERE business_id = $1 AND location_id = $2
RETURNING counter_moves;

-- name: move_counters
-- R moves with what Prokip was told, in the same transaction. Sorted against deadlock.
INSERT INTO prokip.recorded_counter AS held (business_id, location_id, sku, units, moved_at)
SELECT $1, $2, sku, units, $3 FROM unnest($4::text[], $5::numeric[]) AS given (sku, units) ORDER BY sku
ON CONFLICT (business_id, location_id, sku) DO UPDATE
SET units = held.units + excluded.units, moved_at = excluded.moved_at;

-- name: set_sale_states
-- Where orders stand now, which the caller has locked; seconds until they are taken up by themselves, NULL: not by
-- themselves.
UPDATE prokip.sale
SET state = given.state, detail = given.detail, next_attempt_at = now() + make_interval(secs => given.in_s),
    attempts = given.attempts, changed_at = now()
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::integer[]) AS given (
    connection_id, order_ref, state, detail, in_s, attempts
)
WHERE sale.business_id = $1 AND sale.connection_id = given.connection_id AND sale.order_ref = given.order_ref;

-- name: block_location
-- Prokip does not answer, asks us to wait, or does not accept the token: everything of the location waits $5 seconds.
-- Requests that fail together count as one failure.
UPDATE prokip.location
SET health = $3, reason = $4,
    failures = failures + CASE WHEN blocked_until > now() THEN 0 ELSE 1 END,
    blocked_until = greatest(blocked_until, now() + make_interval(secs => $5))
WHERE business_id = $1 AND location_id = $2;

-- name: location_failures
-- How often in a row the location could not be reached.
SELECT failures FROM prokip.location WHERE business_id = $1 AND location_id = $2;

-- name: expired_postings
-- Requests whose process did not come back with an answer. Index: sale_posting_open_idx.
SELECT posting_id, business_id, connection_id, order_ref FROM prokip.sale_posting
WHERE outcome = 'posting' AND expires_at < now()
ORDER BY posting_id
LIMIT $1;

-- name: goods_of
-- The ids under which Prokip knows the given SKUs.
SELECT sku, product_id, variation_id FROM prokip.goods WHERE business_id = $1 AND sku = ANY ($2::text[]);

-- name: open_doubts
-- What Prokip may still be working at although nobody waits for it any more: until $3 seconds after its time was over.
-- Index: sale_posting_open_idx.
SELECT DISTINCT kind, jsonb_object_keys(units) AS sku
FROM prokip.sale_posting
WHERE business_id = $1 AND location_id = $2 AND outcome = 'in_doubt' AND expires_at + make_interval(secs => $3) > now();

-- name: locations_with_looks
-- Where a doubt is to be looked up now, among the businesses whose Prokip can be asked. Index: sale_posting_look_idx.
SELECT held.business_id, held.location_id
FROM prokip.location AS held
WHERE held.business_id = ANY ($1::bigint[])
    AND (held.blocked_until IS NULL OR held.blocked_until <= now())
    AND EXISTS (
        SELECT FROM prokip.sale_posting AS posting
        WHERE posting.business_id = held.business_id AND posting.location_id = held.location_id
            AND posting.outcome = 'in_doubt' AND posting.next_look_at <= now()
            AND (posting.looking_until IS NULL OR posting.looking_until <= now())
    );

-- name: claim_looks
-- The doubts of one kind ($5) that one look answers: at most $6, those due longest; others see them taken for $3
-- seconds. `final_in_s` is negative once $4 seconds have passed since nobody waits for its answer any more.
-- `asked_before`: another request under the same reference may have happened as well. Index: sale_posting_look_idx.
UPDATE prokip.sale_posting AS posting
SET looking_until = now() + make_interval(secs => $3), looks = posting.looks + 1
FROM (
    SELECT held.posting_id, coalesce(held.sold_at, sale.sold_at) AS sold_at, sale.correlation_id
    FROM prokip.sale_posting AS held
    JOIN prokip.sale USING (business_id, connection_id, order_ref)
    WHERE held.business_id = $1 AND held.location_id = $2 AND held.outcome = 'in_doubt' AND held.next_look_at <= now()
        AND (held.looking_until IS NULL OR held.looking_until <= now()) AND held.kind = $5
    ORDER BY held.next_look_at
    LIMIT $6
    FOR UPDATE OF held SKIP LOCKED
) AS due
WHERE posting.posting_id = due.posting_id
RETURNING
    posting.posting_id, posting.connection_id, posting.order_ref, posting.kind, posting.refund_of, posting.reference,
    posting.units, posting.looks, due.sold_at, due.correlation_id,
    extract(epoch FROM posting.expires_at + make_interval(secs => $4) - now())::float8 AS final_in_s,
    EXISTS (
        SELECT FROM prokip.sale_posting AS other
        WHERE other.business_id = posting.business_id AND other.connection_id = posting.connection_id
            AND other.order_ref = posting.order_ref AND other.reference = posting.reference
            AND other.posting_id <> posting.posting_id AND other.outcome NOT IN ('not_sent', 'refused')
    ) AS asked_before;

-- name: look_later
-- Looks that told nothing certain; the next ones in so many seconds, NULL: a person has to look. Locked in the order
-- of their numbers, against deadlock.
UPDATE prokip.sale_posting AS posting
SET looking_until = NULL, look_words = given.words, next_look_at = now() + make_interval(secs => given.in_s)
FROM unnest($1::bigint[], $2::float8[], $3::text[]) AS given (posting_id, in_s, words)
JOIN (
    SELECT posting_id FROM prokip.sale_posting
    WHERE posting_id = ANY ($1::bigint[]) AND outcome = 'in_doubt'
    ORDER BY posting_id
    FOR UPDATE
) AS held USING (posting_id)
WHERE posting.posting_id = held.posting_id;

-- name: look_soon
-- Prokip's settings changed: what could not be looked up may be now. What waits for a person goes on waiting.
UPDATE prokip.sale_posting
SET next_look_at = now()
WHERE posting_id IN (
    SELECT posting_id FROM prokip.sale_posting
    WHERE business_id = ANY ($1::bigint[]) AND outcome = 'in_doubt' AND next_look_at > now()
    ORDER BY posting_id
    FOR UPDATE
);

-- name: read_left_out_soon
-- SKUs of a doubt that is settled now can be told again; sooner than usual if a read had to leave them out.
UPDATE prokip.location SET next_poll_at = now()
WHERE business_id = $1 AND location_id = $2 AND left_out ?| $3::text[];

-- name: newest_doubt
-- The request of an order that is in doubt.
SELECT posting_id FROM prokip.sale_posting
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3 AND outcome = 'in_doubt'
ORDER BY posting_id DESC
LIMIT 1;

-- name: newest_settled
-- How an operator settled an order's latest doubt.
SELECT outcome FROM prokip.sale_posting
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3 AND by_hand
ORDER BY posting_id DESC
LIMIT 1;

-- name: posting_outcome
-- How one request of an order ended.
SELECT outcome FROM prokip.sale_posting
WHERE business_id = $1 AND connection_id = $2 AND order_ref = $3 AND posting_id = $4;

-- name: retry_sales
-- Refused sales of the businesses are tried again now.
UPDATE prokip.sale
SET next_attempt_at = now()
WHERE (business_id, connection_id, order_ref) IN (
    SELECT business_id, connection_id, order_ref FROM prokip.sale
    WHERE business_id = ANY ($1::bigint[]) AND state IN ('due', 'refused')
    ORDER BY business_id, connection_id, order_ref
    FOR UPDATE
);
