-- What adjudication refused, for whoever is asked afterwards why. It is no part of the books: nothing is paid by it, and it goes after
-- Claims__RefusalDays.
CREATE TABLE refusal (
    refused_at     timestamptz NOT NULL,
    operation      text NOT NULL,
    facility_code  text COLLATE "C" NOT NULL,
    request_id     text COLLATE "C" NOT NULL,
    insured_masked text NOT NULL,
    reason_code    text NOT NULL,
    reason_text    text NOT NULL,
    instance       text NOT NULL
);
CREATE UNIQUE INDEX refusal_request ON refusal (facility_code, request_id, refused_at, operation, reason_code);
CREATE INDEX refusal_age ON refusal USING brin (refused_at);

-- The service may append, as everywhere. What is old goes by this, and by nothing else.
CREATE FUNCTION remove_refusals(until timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM refusal WHERE refused_at <= until;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;
REVOKE ALL ON FUNCTION remove_refusals(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_refusals(timestamptz) TO claims_ledger;
