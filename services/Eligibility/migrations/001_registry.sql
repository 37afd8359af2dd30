-- Codes are compared byte by byte: no locale may decide that two of them are equal.
CREATE TABLE facility (
    facility_code text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL,
    county        text COLLATE "C" NOT NULL,
    admin_level   smallint NOT NULL,
    grade         text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    pooled_from   date,
    pooled_to     date,
    CHECK (pooled_to IS NULL OR pooled_from <= pooled_to)
);

-- What was enrolled and paid, not what follows from it: coverage is worked out from the policy in force when it is read.
CREATE TABLE enrolment (
    insured_id        text COLLATE "C" NOT NULL,
    plan_year         smallint NOT NULL,
    name              text NOT NULL,
    scheme            text COLLATE "C" NOT NULL,
    county            text COLLATE "C" NOT NULL,
    category          text COLLATE "C" NOT NULL,
    paid_on           date,
    birth_date        date,
    transfer_ended_on date,
    PRIMARY KEY (insured_id, plan_year)
);

-- One row, raised in the transaction of every import.
CREATE TABLE registry_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL
);
INSERT INTO registry_version (version) VALUES (1);
