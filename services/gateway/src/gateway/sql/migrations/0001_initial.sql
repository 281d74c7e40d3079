-- The gateway's own tables begin here; connection and prokip_account are the directory that all services read.
CREATE SCHEMA gateway;

CREATE TABLE gateway.business (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gateway.connection (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    business_id bigint NOT NULL REFERENCES gateway.business (id),
    platform text NOT NULL CHECK (platform IN ('shopify', 'woocommerce', 'custom')),
    -- What a webhook names: shop domain, normalised home URL, or the slug of a custom store.
    store_key text NOT NULL CHECK (store_key <> ''),
    store_url text NOT NULL,
    store_name text NOT NULL,
    -- The Prokip location whose stock this store sells.
    location_id text NOT NULL,
    -- Shopify location id (digits) that is written; NULL elsewhere.
    place_ref text,
    choice text CHECK (choice IN ('pull', 'push')),
    sync_enabled boolean NOT NULL DEFAULT true,
    status text NOT NULL CHECK (status IN (
        'connected',
        'needs_reauthorisation', -- the store took our access away; the operator connects again
        'disconnected'           -- ended by the operator; the row stays because orders and movements name it
    )),
    -- By the store's own clock: orders older than this are a baseline.
    connected_at timestamptz NOT NULL,
    disconnected_at timestamptz,
    -- Sealed JSON, context 'connection:<business_id>:<platform>:<store_key>'; NULL once disconnected.
    credentials bytea,
    -- A store belongs to one business; the row is revived when it connects again.
    UNIQUE (platform, store_key),
    CHECK ((status = 'disconnected') = (credentials IS NULL))
);
-- Serves: the connections of one business.
CREATE INDEX connection_business_idx ON gateway.connection (business_id, id);

CREATE TABLE gateway.prokip_account (
    business_id bigint PRIMARY KEY REFERENCES gateway.business (id),
    dialect text NOT NULL CHECK (dialect IN ('simple')),
    api_url text NOT NULL,
    location_id text NOT NULL CHECK (location_id <> ''),
    -- Sealed, context 'prokip:<business_id>'.
    token bytea NOT NULL,
    interval_s integer NOT NULL DEFAULT 300 CHECK (interval_s BETWEEN 1 AND 86400),
    configured_at timestamptz NOT NULL DEFAULT now()
);

-- Readers in other services keep copies; this tells them to look again.
CREATE FUNCTION gateway.tell_directory_changed_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prokip_directory', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER connection_changed AFTER INSERT OR UPDATE OR DELETE ON gateway.connection
FOR EACH STATEMENT EXECUTE FUNCTION gateway.tell_directory_changed_v1();

CREATE TRIGGER prokip_account_changed AFTER INSERT OR UPDATE OR DELETE ON gateway.prokip_account
FOR EACH STATEMENT EXECUTE FUNCTION gateway.tell_directory_changed_v1();
