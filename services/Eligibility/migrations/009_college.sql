-- Which kind of college somebody is a full-time student of: subsidies of colleges are shared otherwise than those of a county. Empty for
-- everybody else, and where it is not known. The default lets an older instance go on registering during an update.
ALTER TABLE enrolment_span ADD COLUMN college text COLLATE "C" NOT NULL DEFAULT ''
    CHECK (college IN ('', 'city_college', 'provincial_college', 'central_college'));
CREATE OR REPLACE VIEW enrolment AS
    SELECT * FROM enrolment_span AS span
    WHERE NOT EXISTS (
        SELECT FROM enrolment_replaced AS replaced
        WHERE replaced.insured_id = span.insured_id AND replaced.plan_year = span.plan_year AND replaced.change_id = span.change_id);
