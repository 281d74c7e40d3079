-- Compressing a body that lives for milliseconds costs more than storing it.
DO $$ BEGIN EXECUTE format('ALTER TABLE %I.outbox ALTER COLUMN body SET STORAGE EXTERNAL', current_setting('prokip.schema')); END $$;
