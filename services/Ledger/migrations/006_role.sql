-- The running service works as a role that may read and append, and nothing else. It owns no table, so it can neither
-- change nor remove a row, nor lift a trigger. Roles belong to the whole server: other ledgers on it use the same one.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'claims_ledger') THEN
        CREATE ROLE claims_ledger NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- Another ledger of this server has just created it.
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role claims_ledger is missing and % may not create it; as a superuser: CREATE ROLE claims_ledger NOLOGIN; GRANT claims_ledger TO %', current_user, current_user;
END $$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'claims_ledger', 'MEMBER') THEN
        EXECUTE format('GRANT claims_ledger TO %I', current_user);
    END IF;
END $$;

GRANT USAGE ON SCHEMA public TO claims_ledger;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO claims_ledger;
-- So that a later migration's table is append-only for the service unless that migration says otherwise.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO claims_ledger;

-- The position in each shard, whether the store has been confirmed, and when a stopped shard went on are what moves.
GRANT UPDATE (sequence) ON shard_watermark TO claims_ledger;
GRANT UPDATE (initialised) ON store TO claims_ledger;
GRANT UPDATE (resumed_at) ON shard_stop TO claims_ledger;
-- Kept by triggers, which run as their owner. The chart and the migrations change with the program only.
REVOKE INSERT ON account_balance, closed_month_balance, schema_migration, account_kind, scheme, county, voucher_kind FROM claims_ledger;
