-- The messages that moved the ledger, in the order in which they were applied, where RECORD_MESSAGES is set. A replay
-- of all of them must come to the stock as it stands (python -m inventory rebuild).
CREATE TABLE inventory.recorded_messages (
    business_id bigint NOT NULL,
    -- Given under the locks of the stock that the messages moved, so that of two batches that move the same stock the
    -- later one has the higher number.
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,                -- when the batch was begun, so before the movements that it made
    messages integer NOT NULL,              -- how many lines
    lines bytea NOT NULL,                   -- zlib of JSON lines: {"type": …, "body": …}
    -- Serves recorded_messages_of.
    PRIMARY KEY (business_id, id)
);
ALTER TABLE inventory.recorded_messages ALTER COLUMN lines SET STORAGE EXTERNAL;  -- is compressed already

CREATE FUNCTION inventory.refuse_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'recorded messages are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER recorded_messages_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inventory.recorded_messages
    FOR EACH STATEMENT EXECUTE FUNCTION inventory.refuse_record_change();
