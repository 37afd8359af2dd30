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

-- The changes of a plan year that a newer one has taken the place of, so that whoever counts everybody need not look for each one's newest.
CREATE TABLE enrolment_replaced (
    insured_id text COLLATE "C" NOT NULL,
    plan_year  smallint NOT NULL,
    change_id  bigint NOT NULL,
    PRIMARY KEY (insured_id, plan_year, change_id)
);
CREATE FUNCTION enrolment_span_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- OFFSET keeps it a look into the index for each: a plan made for a file of millions would read the table for one row.
    INSERT INTO enrolment_replaced (insured_id, plan_year, change_id)
        SELECT DISTINCT added.insured_id, added.plan_year, earlier.change_id
        FROM added, LATERAL (
            SELECT change_id FROM enrolment_span AS span
            WHERE span.insured_id = added.insured_id AND span.plan_year = added.plan_year AND span.change_id < added.change_id
            OFFSET 0) AS earlier
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER enrolment_span_added AFTER INSERT ON enrolment_span
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION enrolment_span_added();

CREATE VIEW enrolment AS
    SELECT * FROM enrolment_span AS span
    WHERE NOT EXISTS (
        SELECT FROM enrolment_replaced AS replaced
        WHERE replaced.insured_id = span.insured_id AND replaced.plan_year = span.plan_year AND replaced.change_id = span.change_id);
