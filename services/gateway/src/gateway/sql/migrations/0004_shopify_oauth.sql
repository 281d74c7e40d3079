-- Shopify's consent page: who was sent there, what was granted and still waits for a choice, and tokens that expire.

-- One way to the consent page and back. The state is good once; both of its secrets are kept as hashes.
CREATE TABLE gateway.shopify_consent (
    state_hash bytea PRIMARY KEY,
    -- Of a cookie that only the browser has which was sent away.
    browser_hash bytea NOT NULL,
    user_id bigint NOT NULL REFERENCES gateway.user_account (id) ON DELETE CASCADE,
    business_id bigint NOT NULL REFERENCES gateway.business (id) ON DELETE CASCADE,
    shop text NOT NULL,
    location_id text NOT NULL,
    expires_at timestamptz NOT NULL
);
-- Serves: forgetting those that nobody came back for.
CREATE INDEX shopify_consent_expiry_idx ON gateway.shopify_consent (expires_at);

-- Granted by a shop with several locations: waits until the operator has chosen which one's stock is written.
CREATE TABLE gateway.shopify_install (
    id uuid PRIMARY KEY,
    business_id bigint NOT NULL REFERENCES gateway.business (id) ON DELETE CASCADE,
    shop text NOT NULL,
    location_id text NOT NULL,
    -- Sealed as in gateway.connection.
    credentials bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
-- Serves: forgetting those that nobody finished.
CREATE INDEX shopify_install_expiry_idx ON gateway.shopify_install (expires_at);

-- When the tokens of a connection are to be exchanged for new ones; NULL: they do not expire.
ALTER TABLE gateway.connection ADD COLUMN tokens_due_at timestamptz;
-- Serves: the tokens that are due, a handful among all connections.
CREATE INDEX connection_tokens_due_idx ON gateway.connection (tokens_due_at) WHERE tokens_due_at IS NOT NULL;
