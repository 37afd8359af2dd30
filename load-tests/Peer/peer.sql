-- What an integrator would build instead: one database, one function that adjudicates a visit, journals it and answers.
-- The same rules as policy/zhengzhou (郑医保〔2023〕6号 三), the same exactly-once requests, the same double entry.

CREATE TABLE facility (
    facility_code text PRIMARY KEY,
    county        text NOT NULL,
    tier          text NOT NULL CHECK (tier IN ('province_3a', 'other', 'grassroots'))
);
CREATE TABLE tariff (
    tier              text PRIMARY KEY,
    deductible_fen    bigint NOT NULL,
    rate_basis_points integer NOT NULL,
    cap_fen           bigint NOT NULL
);
INSERT INTO tariff VALUES ('province_3a', 4000, 4500, 30000), ('other', 4000, 5500, 30000), ('grassroots', 0, 6500, 30000);

CREATE TABLE enrolment (
    insured_id   text NOT NULL,
    plan_year    integer NOT NULL,
    covered_from date NOT NULL,
    covered_to   date NOT NULL,
    PRIMARY KEY (insured_id, plan_year)
);
CREATE TABLE insured_year (
    insured_id text NOT NULL,
    year       integer NOT NULL,
    used_fen   bigint NOT NULL,
    PRIMARY KEY (insured_id, year)
) WITH (fillfactor = 70);
CREATE TABLE facility_day (
    insured_id    text NOT NULL,
    facility_code text NOT NULL,
    visit_date    date NOT NULL,
    borne_fen     bigint NOT NULL,
    PRIMARY KEY (insured_id, facility_code, visit_date)
) WITH (fillfactor = 70);

CREATE TABLE settlement (
    settlement_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    facility_code  text NOT NULL,
    insured_id     text NOT NULL,
    request_id     text NOT NULL,
    visit_date     date NOT NULL,
    total_fen      bigint NOT NULL,
    in_scope_fen   bigint NOT NULL,
    deductible_fen bigint NOT NULL,
    fund_pay_fen   bigint NOT NULL,
    UNIQUE (facility_code, insured_id, request_id)
);
CREATE TABLE posting (
    settlement_id bigint NOT NULL REFERENCES settlement,
    account_code  text NOT NULL,
    debit_fen     bigint NOT NULL,
    credit_fen    bigint NOT NULL
);

CREATE FUNCTION settle_visit(facility text, insured text, request text, visit date, total bigint, in_scope bigint)
RETURNS settlement LANGUAGE plpgsql AS $$
DECLARE
    answer  settlement;
    place   record;
    used    bigint;
    borne   bigint;
    bearing bigint;
    payment bigint;
BEGIN
    SELECT * INTO answer FROM settlement WHERE facility_code = facility AND insured_id = insured AND request_id = request;
    IF FOUND THEN RETURN answer; END IF;
    SELECT f.county, t.* INTO place FROM facility f JOIN tariff t USING (tier) WHERE f.facility_code = facility;
    IF NOT FOUND THEN RAISE EXCEPTION 'FACILITY_UNKNOWN'; END IF;
    PERFORM 1 FROM enrolment WHERE insured_id = insured AND plan_year = extract(year FROM visit) AND visit BETWEEN covered_from AND covered_to;
    IF NOT FOUND THEN RAISE EXCEPTION 'NOT_COVERED_ON_DATE'; END IF;

    -- The row of zeros first, so that a first visit has something to lock too.
    INSERT INTO insured_year VALUES (insured, extract(year FROM visit), 0) ON CONFLICT DO NOTHING;
    SELECT used_fen INTO used FROM insured_year WHERE insured_id = insured AND year = extract(year FROM visit) FOR UPDATE;
    SELECT borne_fen INTO borne FROM facility_day WHERE insured_id = insured AND facility_code = facility AND visit_date = visit;
    bearing := least(in_scope, greatest(place.deductible_fen - coalesce(borne, 0), 0));
    payment := least(((in_scope - bearing) * place.rate_basis_points + 5000) / 10000, greatest(place.cap_fen - used, 0));

    UPDATE insured_year SET used_fen = used + payment WHERE insured_id = insured AND year = extract(year FROM visit);
    IF bearing > 0 THEN
        INSERT INTO facility_day VALUES (insured, facility, visit, bearing)
            ON CONFLICT (insured_id, facility_code, visit_date) DO UPDATE SET borne_fen = facility_day.borne_fen + excluded.borne_fen;
    END IF;
    INSERT INTO settlement (facility_code, insured_id, request_id, visit_date, total_fen, in_scope_fen, deductible_fen, fund_pay_fen)
        VALUES (facility, insured, request, visit, total, in_scope, bearing, payment) RETURNING * INTO answer;
    INSERT INTO posting VALUES
        (answer.settlement_id, '5101.resident.' || place.county, payment, 0),
        (answer.settlement_id, '2101.resident.' || place.county || '.' || facility, 0, payment);
    RETURN answer;
END $$;
