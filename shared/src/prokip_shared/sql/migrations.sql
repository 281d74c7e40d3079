-- name: lock_migrations
-- Held by the session until it closes: replicas that start together migrate one after the other.
SELECT pg_advisory_lock($1);

-- name: create_migration_table
-- The one table outside the services' schemas.
CREATE TABLE IF NOT EXISTS public.prokip_migration (
    schema_name text NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, name)
);

-- name: applied_migrations
-- What this database has seen of one schema.
SELECT name FROM public.prokip_migration WHERE schema_name = $1;

-- name: record_migration
-- Written in the same transaction as the migration itself.
INSERT INTO public.prokip_migration (schema_name, name) VALUES ($1, $2);

-- name: name_schema
-- Lets one migration file serve several schemas (inbox, outbox and parked of each service).
SELECT set_config('prokip.schema', $1, true);

-- name: ping
-- Asked by readiness checks.
SELECT 1;
