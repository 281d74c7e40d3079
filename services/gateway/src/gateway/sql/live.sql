-- name: take_numbers
-- Numbers for $2 new events of one business, in commit order: the row lock is held until the end of the transaction.
INSERT INTO gateway.live_cursor AS c (business_id, last_number)
SELECT b.id, $2::bigint FROM gateway.business AS b WHERE b.id = $1
ON CONFLICT (business_id) DO UPDATE SET last_number = c.last_number + excluded.last_number
RETURNING last_number;

-- name: add_events
-- Several events of one business at once.
INSERT INTO gateway.live_event (business_id, number, kind, at, body)
SELECT $1, n.number, n.kind, n.at, n.body::jsonb
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[]) AS n (number, kind, at, body);

-- name: tell_live_readers
-- Every replica's hub listens; the events themselves are read from the table.
SELECT pg_notify('prokip_gateway_live', $1::text);

-- name: events_after
-- The next events of one business.
SELECT number, kind, at, body FROM gateway.live_event
WHERE business_id = $1 AND number > $2 ORDER BY number LIMIT $3;

-- name: recent_events
-- The newest events of one business.
SELECT number, kind, at, body FROM gateway.live_event
WHERE business_id = $1 AND ($2::bigint IS NULL OR number < $2) ORDER BY number DESC LIMIT $3;

-- name: event_range
-- What can still be read: the oldest event that is kept and the last number given.
SELECT c.last_number, (SELECT min(e.number) FROM gateway.live_event AS e WHERE e.business_id = $1) AS oldest_number
FROM gateway.live_cursor AS c WHERE c.business_id = $1;

-- name: forget_old_events
-- Keeps the newest $1 of each business.
DELETE FROM gateway.live_event AS e USING gateway.live_cursor AS c
WHERE c.business_id = e.business_id AND e.number <= c.last_number - $1;

-- name: store_names
-- How sentences call the stores.
SELECT id, store_name FROM gateway.connection WHERE id = ANY($1::bigint[]);

-- name: still_there
-- Tells a listening connection that died without a word from one that has nothing to say.
SELECT true;
