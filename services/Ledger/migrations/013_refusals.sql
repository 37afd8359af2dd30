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
GRANT DELETE ON refusal TO claims_ledger;
