-- name: create_user
-- No row: the name is taken.
INSERT INTO gateway.user_account (username, username_key, password_hash)
VALUES ($1, $2, $3)
ON CONFLICT (username_key) DO NOTHING
RETURNING id;

-- name: create_business
-- A business and the person it belongs to, at once.
WITH made AS (
    INSERT INTO gateway.business (name) VALUES ($2) RETURNING id, name
), owned AS (
    INSERT INTO gateway.membership (user_id, business_id) SELECT $1, id FROM made
)
SELECT id, name FROM made;

-- name: user_for_login
-- What signing in compares with, and the business that the session opens on: the first one.
SELECT u.id, u.password_hash, (
    SELECT min(m.business_id) FROM gateway.membership AS m WHERE m.user_id = u.id
) AS business_id
FROM gateway.user_account AS u
WHERE u.username_key = $1;

-- name: caller
-- Asked for every request: the session is not signed out and the person still belongs to the business.
SELECT u.username, b.name AS business_name
FROM gateway.user_account AS u
JOIN gateway.membership AS m ON m.user_id = u.id
JOIN gateway.business AS b ON b.id = m.business_id
WHERE u.id = $1 AND b.id = $2
AND NOT EXISTS (SELECT FROM gateway.revoked_session AS r WHERE r.session_id = $3);

-- name: businesses_of_user
-- What the person may choose between.
SELECT b.id, b.name
FROM gateway.membership AS m
JOIN gateway.business AS b ON b.id = m.business_id
WHERE m.user_id = $1
ORDER BY b.id;

-- name: count_businesses_of_user
-- Held against the limit per person.
SELECT count(*) FROM gateway.membership WHERE user_id = $1;

-- name: revoke_session
-- Signing out counts at once on every replica.
INSERT INTO gateway.revoked_session (session_id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: forget_expired_sessions
-- An expired session needs no note that it was signed out.
DELETE FROM gateway.revoked_session WHERE expires_at < now();

-- name: count_attempt
-- Counted before the password is looked at, so that attempts at the same time cannot all pass.
INSERT INTO gateway.login_attempt AS a (who, attempts, window_ends_at)
VALUES ($1, 1, now() + make_interval(secs => $2))
ON CONFLICT (who) DO UPDATE SET
    attempts = CASE WHEN a.window_ends_at <= now() THEN 1 ELSE a.attempts + 1 END,
    window_ends_at = CASE WHEN a.window_ends_at <= now() THEN excluded.window_ends_at ELSE a.window_ends_at END
RETURNING attempts, extract(epoch FROM window_ends_at - now())::float8 AS window_left_s;

-- name: forget_attempts
-- The right password clears the count.
DELETE FROM gateway.login_attempt WHERE who = $1;

-- name: forget_past_attempts
-- Windows that are over say nothing.
DELETE FROM gateway.login_attempt WHERE window_ends_at < now();
