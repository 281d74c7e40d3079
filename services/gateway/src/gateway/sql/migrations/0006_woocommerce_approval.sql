-- WooCommerce's own approval page: who was sent there, and the keys that the store posted until the browser is back.
CREATE TABLE gateway.woocommerce_approval (
    -- Of the user_id that the store names when it posts the keys and when it sends the browser back; good once.
    state_hash bytea PRIMARY KEY,
    -- Of the last part of the address that the store posts to.
    ticket_hash bytea NOT NULL,
    -- Of a cookie that only the browser has which was sent away.
    browser_hash bytea NOT NULL,
    user_id bigint NOT NULL REFERENCES gateway.user_account (id) ON DELETE CASCADE,
    business_id bigint NOT NULL REFERENCES gateway.business (id) ON DELETE CASCADE,
    store_url text NOT NULL,
    location_id text NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Sealed JSON, context 'woocommerce_approval:<state_hash in hex>'; NULL until the store has posted them.
    keys bytea
);
-- Serves: forgetting those that nobody came back for.
CREATE INDEX woocommerce_approval_expiry_idx ON gateway.woocommerce_approval (expires_at);
