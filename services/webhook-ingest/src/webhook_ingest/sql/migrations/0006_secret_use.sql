-- When each webhook secret of a store last signed something; a handful of rows a store, one a rotation.
CREATE TABLE ingest.secret_use (
    connection_id bigint NOT NULL,
    -- Of the secret, which itself is nowhere but in the directory.
    fingerprint text NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, fingerprint)
);
