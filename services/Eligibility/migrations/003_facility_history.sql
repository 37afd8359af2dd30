-- Who changed what when, and why. Every row of the history names its change; ids ascend with time, since whoever makes one
-- holds the row of registry_version.
CREATE TABLE registry_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at   timestamptz NOT NULL,
    made_by   text NOT NULL,
    kind      text NOT NULL,
    reason    text NOT NULL
);
INSERT INTO registry_change (made_at, made_by, kind, reason)
    VALUES (clock_timestamp(), 'claims://service/eligibility', 'MIGRATION', '保存历史之前的登记');

-- What a facility was in a period, and which days of it an agreement had. The rows of a facility's newest change are what is known of
-- it now, those of an earlier one what was known then.
CREATE TABLE facility_period (
    facility_code text COLLATE "C" NOT NULL,
    change_id     bigint NOT NULL REFERENCES registry_change,
    valid_from    date NOT NULL,
    valid_to      date NOT NULL,
    name          text NOT NULL,
    county        text COLLATE "C" NOT NULL,
    admin_level   smallint NOT NULL,
    grade         text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    pooled_from   date,
    pooled_to     date,
    PRIMARY KEY (facility_code, change_id, valid_from),
    CHECK (valid_from <= valid_to),
    CHECK (pooled_to IS NULL OR pooled_from <= pooled_to)
);
INSERT INTO facility_period
    SELECT facility_code, 1, '-infinity', 'infinity', name, county, admin_level, grade, kind, pooled_from, pooled_to FROM facility;
DROP TABLE facility;
CREATE VIEW facility AS
    SELECT * FROM facility_period AS period
    WHERE change_id = (SELECT max(change_id) FROM facility_period AS newest WHERE newest.facility_code = period.facility_code);

-- Visits from suspended_from on are refused, until the day before resumed_from.
CREATE TABLE facility_suspension (
    suspension_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id      bigint NOT NULL REFERENCES registry_change,
    facility_code  text COLLATE "C" NOT NULL,
    suspended_from date NOT NULL
);
CREATE INDEX facility_suspension_facility ON facility_suspension (facility_code);
CREATE TABLE facility_resumption (
    suspension_id bigint PRIMARY KEY REFERENCES facility_suspension,
    change_id     bigint NOT NULL REFERENCES registry_change,
    resumed_from  date NOT NULL
);

-- Years whose visits the books have closed: nothing that decides them is changed any more.
CREATE TABLE closed_year (
    year      smallint PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES registry_change
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused; a correction is a new entry', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
