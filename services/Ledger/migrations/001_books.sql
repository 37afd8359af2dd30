-- The books of one fund. Money is bigint fen, dates are natural days in China Standard Time.

-- The one store of accumulators that these books are kept for.
CREATE TABLE store (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch       text NOT NULL CHECK (epoch ~ '^[0-9a-f]{32}$'),
    shards      integer NOT NULL CHECK (shards BETWEEN 1 AND 1024),
    initialised boolean NOT NULL DEFAULT false,
    opened_at   timestamptz NOT NULL
);

-- Everything up to sequence is in the books. Updated in place by every batch, so pages keep room for the new version.
CREATE TABLE shard_watermark (
    shard    integer PRIMARY KEY,
    sequence bigint NOT NULL CHECK (sequence >= 0)
) WITH (fillfactor = 25);

-- Sub-ledger: one row per record of adjudication, every field kept, so that the accumulators can be rebuilt from it.
CREATE TABLE sub_ledger (
    shard                  integer NOT NULL,
    sequence               bigint NOT NULL CHECK (sequence > 0),
    kind                   text NOT NULL CHECK (kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION', 'REQUEST_ONLY')),
    settlement_id          text,
    original_settlement_id text NOT NULL,
    facility_code          text NOT NULL,
    insured_id             text NOT NULL,
    request_id             text NOT NULL,
    original_request_id    text NOT NULL,
    visit_date             date,
    visit_type             text NOT NULL,
    settled_at             timestamptz NOT NULL,
    scheme                 text NOT NULL,
    insured_county         text NOT NULL,
    facility_county        text NOT NULL,
    tier                   text NOT NULL,
    total_fen              bigint NOT NULL,
    full_self_pay_fen      bigint NOT NULL,
    over_limit_fen         bigint NOT NULL,
    pre_self_pay_fen       bigint NOT NULL,
    in_scope_fen           bigint NOT NULL,
    deductible_fen         bigint NOT NULL,
    rate_basis_points      integer NOT NULL,
    fund_pay_fen           bigint NOT NULL,
    cap_fen                bigint NOT NULL,
    cap_used_before_fen    bigint NOT NULL,
    cap_used_after_fen     bigint NOT NULL,
    reason_code            text NOT NULL,
    policy_id              text NOT NULL,
    policy_hash            text NOT NULL,
    request_fingerprint    bytea NOT NULL,
    PRIMARY KEY (shard, sequence),
    UNIQUE (settlement_id),
    CHECK (kind = 'REQUEST_ONLY' OR (settlement_id IS NOT NULL AND visit_date IS NOT NULL)),
    CHECK (full_self_pay_fen + over_limit_fen + pre_self_pay_fen + in_scope_fen = total_fen),
    CHECK (CASE kind
        WHEN 'CANCELLATION' THEN greatest(total_fen, fund_pay_fen) <= 0
        WHEN 'REQUEST_ONLY' THEN total_fen = 0 AND fund_pay_fen = 0
        ELSE least(total_fen, fund_pay_fen) >= 0 END)
);

-- One transaction of posting, and the sub-ledger rows it wrote: the rows behind a journal are those of its batch's
-- ranges whose scheme and visit_date are the journal's.
CREATE TABLE batch (
    batch_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    posted_at timestamptz NOT NULL
);
CREATE TABLE batch_range (
    shard          integer NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    batch_id       bigint NOT NULL REFERENCES batch,
    PRIMARY KEY (shard, first_sequence),
    CHECK (first_sequence <= last_sequence)
);
CREATE INDEX batch_range_batch ON batch_range (batch_id);

-- The chart of accounts. An account's code is kind.scheme.county[.facility]; its name is put together from these tables.
CREATE TABLE account_kind (
    kind text PRIMARY KEY CHECK (kind ~ '^[1-5][0-9]{3}$'),
    name text NOT NULL
);
CREATE TABLE scheme (scheme text PRIMARY KEY, name text NOT NULL);
CREATE TABLE county (county text PRIMARY KEY CHECK (county ~ '^[0-9]{6}$'), name text NOT NULL);
CREATE TABLE account (
    account_code  text PRIMARY KEY,
    kind          text NOT NULL REFERENCES account_kind,
    scheme        text NOT NULL REFERENCES scheme,
    county        text NOT NULL,
    facility_code text,
    CHECK (account_code = concat_ws('.', kind, scheme, county, facility_code))
);

INSERT INTO account_kind (kind, name) VALUES
    ('2101', '应付定点机构款'),
    ('5101', '待遇支出—门诊统筹'),
    ('5102', '待遇支出—生育补助');
INSERT INTO scheme (scheme, name) VALUES
    ('resident', '城乡居民'),
    ('employee', '城镇职工');

-- General ledger. posting_date is the day of the entry, business_date the day of the visits it stands for. Each scheme
-- has books of its own, so a journal is of one scheme.
CREATE TABLE journal (
    journal_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id      bigint NOT NULL REFERENCES batch,
    scheme        text NOT NULL REFERENCES scheme,
    posting_date  date NOT NULL,
    business_date date NOT NULL
);
CREATE INDEX journal_business_date ON journal (business_date);

-- A correction is entered on the same side with a minus (red-letter entry), so that turnover does not depend on how
-- records fell into batches.
CREATE TABLE posting (
    journal_id   bigint NOT NULL REFERENCES journal,
    account_code text NOT NULL REFERENCES account,
    debit_fen    bigint NOT NULL,
    credit_fen   bigint NOT NULL,
    PRIMARY KEY (journal_id, account_code),
    CHECK ((debit_fen = 0) <> (credit_fen = 0))
);

-- The sums of posting per account, kept by the trigger below in the same transaction.
CREATE TABLE account_balance (
    account_code text PRIMARY KEY REFERENCES account,
    debit_fen    bigint NOT NULL,
    credit_fen   bigint NOT NULL
) WITH (fillfactor = 70);

CREATE FUNCTION posting_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced bigint;
BEGIN
    SELECT journal_id INTO unbalanced FROM added GROUP BY journal_id HAVING sum(debit_fen) <> sum(credit_fen) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not sum to zero', unbalanced USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO account_balance AS balance (account_code, debit_fen, credit_fen)
        SELECT account_code, sum(debit_fen), sum(credit_fen) FROM added GROUP BY account_code ORDER BY account_code
        ON CONFLICT (account_code) DO UPDATE
            SET debit_fen = balance.debit_fen + excluded.debit_fen, credit_fen = balance.credit_fen + excluded.credit_fen;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_added AFTER INSERT ON posting
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posting_added();

-- Records that could not be booked, with what they said: their shard has stopped, and a person has to look.
CREATE TABLE poison_record (
    poison_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at     timestamptz NOT NULL,
    shard        integer NOT NULL,
    kafka_offset bigint NOT NULL,
    reason       text NOT NULL,
    record       bytea NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused; a correction is a new entry', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sub_ledger', 'batch', 'batch_range', 'account', 'journal', 'posting', 'poison_record'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;
