-- What all replicas share about a connector account: its tokens, and when it may be asked something.

CREATE TABLE prokip.login (
    business_id bigint PRIMARY KEY,
    -- The settings (gateway.prokip_account.version) that the rest was learnt under; under newer ones it is void.
    version bigint NOT NULL,
    -- Access and refresh token, sealed with the context 'prokip-tokens:<business_id>'. Its row lock is what whoever gets
    -- new ones holds: a refresh ends the old pair, so two at a time would end each other's.
    tokens bytea,
    -- From here on they are renewed before they are used; NULL: once Prokip does not accept them.
    renew_at timestamptz,
    -- Not NULL: Prokip's sign-in says that these settings are wrong, in these words. It is not asked again.
    refused text,
    CHECK (tokens IS NULL OR refused IS NULL)
);

CREATE TABLE prokip.pace (
    business_id bigint PRIMARY KEY,
    -- Where the next turn would be without a burst; turns before it have been given out.
    next_turn_at timestamptz NOT NULL DEFAULT 'epoch',
    -- No turn before it: Prokip asked us to wait, or the circuit is open.
    closed_until timestamptz NOT NULL DEFAULT 'epoch',
    -- In a row, those that happened together counted once.
    failures integer NOT NULL DEFAULT 0
);
