-- People and their businesses, rounds that somebody waits for, and the live view.
CREATE TABLE gateway.user_account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL,
    -- Case-folded: `Admin` and `admin` are one person.
    username_key text NOT NULL UNIQUE,
    -- bcrypt, with its own cost and salt inside.
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gateway.membership (
    user_id bigint NOT NULL REFERENCES gateway.user_account (id),
    business_id bigint NOT NULL REFERENCES gateway.business (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, business_id)
);

-- Sessions that were signed out before they expired.
CREATE TABLE gateway.revoked_session (
    session_id uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
-- Serves: forgetting them once they would have expired anyway.
CREATE INDEX revoked_session_expiry_idx ON gateway.revoked_session (expires_at);

-- Failed sign-ins per user name and address, hashed: who tried is nobody's business, how often is.
CREATE TABLE gateway.login_attempt (
    who bytea PRIMARY KEY,
    attempts integer NOT NULL,
    window_ends_at timestamptz NOT NULL
);
-- Serves: forgetting windows that are over.
CREATE INDEX login_attempt_window_idx ON gateway.login_attempt (window_ends_at);

-- What the other services said last about a connection; apart from gateway.connection, whose every change makes all
-- services read the directory again.
CREATE TABLE gateway.connection_state (
    connection_id bigint PRIMARY KEY REFERENCES gateway.connection (id),
    business_id bigint NOT NULL REFERENCES gateway.business (id),
    health text NOT NULL DEFAULT 'healthy'
    CHECK (health IN ('healthy', 'throttled', 'failing', 'needs_reauthorisation')),
    health_since timestamptz,
    health_detail text NOT NULL DEFAULT '',
    last_sync timestamptz
);

CREATE TABLE gateway.sync_round (
    id uuid PRIMARY KEY,
    business_id bigint NOT NULL REFERENCES gateway.business (id),
    -- NULL: every connection of the business.
    connection_id bigint REFERENCES gateway.connection (id),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'failed')),
    detail text NOT NULL DEFAULT '',
    -- What became of each store: [{connection_id, state, listings, detail}].
    connections jsonb NOT NULL DEFAULT '[]',
    requested_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz
);
-- Serves: how many rounds of a business still run.
CREATE INDEX sync_round_running_idx ON gateway.sync_round (business_id, requested_at) WHERE state = 'running';
-- Serves: forgetting old rounds.
CREATE INDEX sync_round_age_idx ON gateway.sync_round (requested_at);

-- The last number given to an event of a business. Its row lock makes numbers commit in order, so that a reader that
-- has seen 7 has seen everything before 7.
CREATE TABLE gateway.live_cursor (
    business_id bigint PRIMARY KEY REFERENCES gateway.business (id),
    last_number bigint NOT NULL
);

CREATE TABLE gateway.live_event (
    business_id bigint NOT NULL REFERENCES gateway.business (id),
    number bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    -- The event as the API shows it.
    body jsonb NOT NULL,
    PRIMARY KEY (business_id, number)
);
