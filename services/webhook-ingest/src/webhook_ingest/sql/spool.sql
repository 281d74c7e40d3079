-- name: add_to_spool
-- Bundles that the broker did not take, in one statement, in the order they came.
INSERT INTO ingest.spool (type, body, messages)
SELECT type, body, messages
FROM unnest($1::text[], $2::text[], $3::integer[]) WITH ORDINALITY AS given (type, body, messages, place)
ORDER BY place;

-- name: spooled_types
-- One step through the index for each type, however much waits. Index: spool_type_idx.
WITH RECURSIVE found AS (
    (SELECT type FROM ingest.spool ORDER BY type LIMIT 1)
    UNION ALL
    SELECT (SELECT type FROM ingest.spool WHERE type > found.type ORDER BY type LIMIT 1) FROM found
    WHERE found.type IS NOT NULL
)
SELECT type FROM found WHERE type IS NOT NULL;

-- name: claim_spooled
-- The oldest bundles of one type; SKIP LOCKED, so that replicas drain side by side. Index: spool_type_idx.
SELECT id, body FROM ingest.spool
WHERE type = $1
ORDER BY id
LIMIT $2
FOR UPDATE SKIP LOCKED;

-- name: delete_spooled
-- Confirmed by the broker; runs in the transaction that claimed them.
DELETE FROM ingest.spool WHERE id = ANY ($1::bigint[]);

-- name: spool_state
-- For the gauges: how many events wait, and for how long the oldest has.
SELECT coalesce(sum(messages), 0)::bigint AS waiting,
    coalesce(extract(epoch FROM now() - min(spooled_at)), 0)::float8 AS oldest_s
FROM ingest.spool;
