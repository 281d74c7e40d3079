-- Prokip's own API (the connector dialect) next to the simple one.
ALTER TABLE gateway.prokip_account RENAME COLUMN token TO credentials;
COMMENT ON COLUMN gateway.prokip_account.credentials IS
    'Sealed, context prokip:<business_id>. simple: the token; connector: JSON with client and login';

ALTER TABLE gateway.prokip_account
    -- Rises with every change, so that what was learnt under older settings can be told apart.
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- The customer to whom sales are written.
    ADD COLUMN contact_id bigint CHECK (contact_id > 0),
    -- The business's own, an IANA name: the dates of sales are written in it.
    ADD COLUMN timezone text,
    DROP CONSTRAINT prokip_account_dialect_check,
    ADD CONSTRAINT prokip_account_dialect_check CHECK (dialect IN ('simple', 'connector')),
    ADD CONSTRAINT prokip_account_connector_check
    CHECK ((dialect = 'connector') = (contact_id IS NOT NULL AND timezone IS NOT NULL));
