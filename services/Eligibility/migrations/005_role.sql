-- The history is append-only for everybody, and the running service works as a role that may read and append, and nothing else: it owns
-- no table, so it can neither change nor remove a row, nor lift a trigger. Roles belong to the whole server.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['registry_change', 'facility_period', 'facility_suspension', 'facility_resumption', 'closed_year',
        'enrolment_span', 'enrolment_replaced'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'claims_eligibility') THEN
        CREATE ROLE claims_eligibility NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- Another registry of this server has just created it.
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role claims_eligibility is missing and % may not create it; as a superuser: CREATE ROLE claims_eligibility NOLOGIN; GRANT claims_eligibility TO %', current_user, current_user;
END $$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'claims_eligibility', 'MEMBER') THEN
        EXECUTE format('GRANT claims_eligibility TO %I', current_user);
    END IF;
    -- An import gathers its rows in a temporary table first.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO claims_eligibility', current_database());
END $$;

GRANT USAGE ON SCHEMA public TO claims_eligibility;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO claims_eligibility;
-- So that a later migration's table is append-only for the service unless that migration says otherwise.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO claims_eligibility;
REVOKE INSERT ON schema_migration FROM claims_eligibility;
-- The catalogue's periods are replaced by their first day, and the version moves.
GRANT UPDATE ON catalogue_item TO claims_eligibility;
GRANT UPDATE (version) ON registry_version TO claims_eligibility;

-- Only an owner may analyse. Run by whoever imports, in the import's own transaction.
CREATE FUNCTION registry_analyse(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF name NOT IN ('facility_period', 'enrolment_span', 'enrolment_replaced', 'catalogue_item') THEN
        RAISE EXCEPTION '% is not a table of the registry', name;
    END IF;
    EXECUTE format('ANALYZE public.%I', name);
END $$;
