-- name: note_intents
-- Committed by itself, and to the disk, before the writes leave; the pushes of several stores together. A listing is
-- written again only once it is known what became of the write before, so that the newest intent says all.
INSERT INTO push.intent (listing_id, shows, taken, since)
SELECT n.listing_id, n.shows, n.taken, n.since
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::numeric[], $4::text::timestamptz[])
    AS n (listing_id, shows, taken, since)
ON CONFLICT (listing_id) DO UPDATE SET shows = EXCLUDED.shows, taken = EXCLUDED.taken, since = EXCLUDED.since;
