-- Turns of the background at a store, and what its answers say of the store.

-- name: budget_for_turn
-- The store's budget, locked for one decision, and whether a push waits that may go now. The row is made at first need.
WITH made AS (
    INSERT INTO push.budget (connection_id) SELECT connection_id FROM push.connection_work WHERE connection_id = $1
    ON CONFLICT (connection_id) DO NOTHING
)
SELECT b.points_available, b.points_maximum, b.points_restored_per_s, b.points_asked, b.measured_at, b.answer_s,
    b.rests_until, greatest(b.held_until, CASE WHEN w.health = 'throttled' THEN w.next_attempt_at END) AS held_until,
    clock_timestamp() AS now,
    w.active AND w.writable AND w.next_attempt_at <= now() AND EXISTS (
        SELECT FROM push.listing l WHERE l.connection_id = w.connection_id AND l.due_at <= now()
    ) AS push_waits
FROM push.budget b JOIN push.connection_work w USING (connection_id)
WHERE b.connection_id = $1
FOR UPDATE OF b;

-- name: take_turn
-- A call of the background begins: what it is expected to need is taken before the next one asks.
UPDATE push.budget SET points_available = $2, measured_at = $3, rests_until = $4 WHERE connection_id = $1;

-- name: learn_budget
-- What an answer told: points ($2 to $5, all NULL where the platform has none), how long it took, how long to rest, and
-- how long the store wants to be left alone ($8, NULL: no such wish).
UPDATE push.budget SET
    points_available = coalesce($2, points_available),
    points_maximum = coalesce($3, points_maximum),
    points_restored_per_s = coalesce($4, points_restored_per_s),
    points_asked = coalesce($5, points_asked),
    measured_at = CASE WHEN $2::double precision IS NULL THEN measured_at ELSE clock_timestamp() END,
    answer_s = $6,
    rests_until = clock_timestamp() + $7::double precision * interval '1 second',
    held_until = coalesce(clock_timestamp() + $8::double precision * interval '1 second', held_until)
WHERE connection_id = $1;

-- name: health_for_note
-- How a store answered so far, locked; no row while a push is at it, which learns the same and knows better.
SELECT business_id, health, health_since, consecutive_failures, last_push_at, clock_timestamp() AS now,
    EXISTS (SELECT FROM push.listing l WHERE l.connection_id = w.connection_id AND l.due_at <= now()) AS push_due
FROM push.connection_work w
WHERE connection_id = $1 AND pg_try_advisory_xact_lock(hashtextextended('push.work', $1::bigint))
FOR UPDATE SKIP LOCKED;

-- name: note_health
-- As a background call found it. What is due is tried at once when the store answers again.
UPDATE push.connection_work SET
    health = $2, health_since = $3, health_detail = $4, consecutive_failures = $5,
    next_attempt_at = CASE WHEN $6 THEN least(next_attempt_at, clock_timestamp()) ELSE next_attempt_at END
WHERE connection_id = $1;

-- name: wake_pushes
-- Heard by every replica when the transaction commits.
SELECT pg_notify('prokip_push_due', '');

-- name: background_state
-- What one business's store can bear and how its upkeep is going: sweeps, webhooks, levels, catalogue.
SELECT w.connection_id, w.platform, w.active, w.health, w.health_since, w.health_detail, w.consecutive_failures,
    w.next_attempt_at, w.last_push_at,
    s.swept_to, s.complete_from AS swept_at, s.due_at AS sweep_due_at, s.cursor IS NOT NULL AS sweep_unfinished,
    s.orders AS swept_orders, s.unreadable AS swept_unreadable, s.error AS sweep_error,
    extract(epoch FROM now() - coalesce(s.complete_from, s.swept_to))::double precision AS sweep_behind_s,
    h.checked_at AS webhooks_checked_at, h.due_at AS webhooks_due_at, h.restored_at AS webhooks_restored_at,
    h.restored_topics AS webhooks_restored, h.error AS webhooks_error,
    k.looked_at AS levels_looked_at, k.due_at AS levels_due_at, k.listings AS levels_listings,
    k.differing AS levels_differing, k.error AS levels_error,
    c.read_at AS catalogue_read_at, c.due_at AS catalogue_due_at, c.items AS catalogue_items,
    c.error AS catalogue_error,
    b.points_maximum,
    least(
        b.points_maximum,
        b.points_available + b.points_restored_per_s * extract(epoch FROM now() - b.measured_at)
    ) AS points_available,
    b.points_restored_per_s, b.answer_s, b.held_until
FROM push.connection_work w
LEFT JOIN push.sweep s USING (connection_id)
LEFT JOIN push.subscription_check h USING (connection_id)
LEFT JOIN push.level_look k USING (connection_id)
LEFT JOIN push.catalogue_read c USING (connection_id)
LEFT JOIN push.budget b USING (connection_id)
WHERE w.business_id = $1 AND w.connection_id = $2;
