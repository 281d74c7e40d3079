-- name: note_intents
-- Committed by itself, and to the disk, before the writes leave. A listing is written again only once it is known what
-- became of the write before, so that the newest intent says all.
INSERT INTO push.intent (listing_id, shows, taken, since)
SELECT n.listing_id, n.shows, n.taken, $4
FROM unnest($1::bigint[], $2::bigint[], $3::numeric[]) AS n (listing_id, shows, taken)
ON CONFLICT (listing_id) DO UPDATE SET shows = EXCLUDED.shows, taken = EXCLUDED.taken, since = EXCLUDED.since;
