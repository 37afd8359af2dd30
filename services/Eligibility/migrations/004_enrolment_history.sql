-- One row a span of an enrolment. The rows of the newest change of an insured's plan year are what is known of it now, those of an
-- earlier one what was known then. A change has its rows numbered from 1.
ALTER TABLE enrolment RENAME TO enrolment_span;
ALTER TABLE enrolment_span DROP CONSTRAINT enrolment_pkey;
ALTER TABLE enrolment_span
    ADD COLUMN change_id bigint NOT NULL DEFAULT 1,
    ADD COLUMN span      smallint NOT NULL DEFAULT 1,
    ADD COLUMN begins_on date,
    ADD COLUMN ended_on  date,
    ADD COLUMN end_cause text COLLATE "C" NOT NULL DEFAULT '',
    -- Answers look-ups by itself: of a row the name alone is not in it.
    ADD PRIMARY KEY (insured_id, plan_year, change_id, span)
        INCLUDE (scheme, county, category, paid_on, birth_date, transfer_ended_on, begins_on, ended_on, end_cause);
ALTER TABLE enrolment_span
    ALTER COLUMN change_id DROP DEFAULT,
    ALTER COLUMN span DROP DEFAULT,
    ALTER COLUMN end_cause DROP DEFAULT,
    ADD CHECK ((end_cause = '') = (ended_on IS NULL)),
    -- The visibility map, by which the index answers without the row, is kept by vacuum: after every hundredth of new rows.
    SET (autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 10000);

CREATE VIEW enrolment AS
    SELECT * FROM enrolment_span AS span
    WHERE NOT EXISTS (
        SELECT FROM enrolment_span AS newer
        WHERE newer.insured_id = span.insured_id AND newer.plan_year = span.plan_year AND newer.change_id > span.change_id);
