-- Stores switch webhooks off or remove them; each is looked after.
CREATE TABLE push.subscription_check (
    connection_id bigint PRIMARY KEY REFERENCES push.connection_work (connection_id) ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    consecutive_failures integer NOT NULL DEFAULT 0,
    checked_at timestamptz,
    -- When webhooks last had to be made anew, and for which topics.
    restored_at timestamptz,
    restored_topics text[] NOT NULL DEFAULT '{}',
    error text
);
