-- name: save_secret_uses
-- The latest use wins, whichever replica saw it.
INSERT INTO ingest.secret_use AS u (connection_id, fingerprint, used_at)
SELECT connection_id, fingerprint, used_at
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS n (connection_id, fingerprint, used_at)
ORDER BY connection_id, fingerprint
ON CONFLICT (connection_id, fingerprint) DO UPDATE SET used_at = greatest(u.used_at, excluded.used_at);

-- name: secret_uses
-- When each secret of these stores last signed something.
SELECT connection_id, fingerprint, used_at FROM ingest.secret_use WHERE connection_id = ANY($1::bigint[])
ORDER BY connection_id, used_at DESC;
