-- The fund's money: where it lies, who owes it, what it was paid for (郑政办〔2021〕24号 三(三)); the plan per county; months
-- that close.

INSERT INTO account_kind (kind, name) VALUES
    ('1003', '市级财政专户存款'),
    ('1004', '市级支出户存款'),
    ('1005', '县级支出户存款'),
    ('1101', '应收基本医疗保险费—税务部门'),
    ('1102', '应收财政补助—中央'),
    ('1103', '应收财政补助—省级'),
    ('1104', '应收财政补助—市级'),
    ('1105', '应收财政补助—区县（市）'),
    ('4001', '基本医疗保险费收入'),
    ('4002', '财政补贴收入'),
    ('4003', '转移收入'),
    ('4004', '利息收入'),
    ('4005', '其他收入');

CREATE VIEW account_named AS
SELECT account_code, kind, scheme, county, facility_code,
    concat_ws('—', account_kind.name, coalesce(scheme.name, account.scheme), coalesce(county.name, account.county), account.facility_code) AS name
FROM account JOIN account_kind USING (kind) LEFT JOIN scheme USING (scheme) LEFT JOIN county USING (county);

CREATE INDEX journal_posting_date ON journal (posting_date);

-- Entries that do not come from adjudication. The key is the caller's: the same request again finds this row, another one
-- under the key is refused.
CREATE TABLE voucher_kind (kind text PRIMARY KEY, name text NOT NULL);
INSERT INTO voucher_kind (kind, name) VALUES
    ('CONTRIBUTION_ASSESSED', '核定保费收入'),
    ('CONTRIBUTION_RECEIVED', '收到保费'),
    ('SUBSIDY_ASSESSED', '核定财政补助'),
    ('SUBSIDY_RECEIVED', '收到财政补助'),
    ('TRANSFER_RECEIVED', '收到转移收入'),
    ('INTEREST_RECEIVED', '收到利息'),
    ('OTHER_RECEIVED', '收到其他收入'),
    ('SPECIAL_TO_CITY', '财政专户拨付市级支出户'),
    ('CITY_TO_COUNTY', '市级支出户拨付县级支出户'),
    ('COUNTY_TO_CITY', '县级支出户退回市级支出户'),
    ('CITY_TO_SPECIAL', '市级支出户退回财政专户'),
    ('FACILITY_PAYMENT', '支付定点机构'),
    ('REVERSAL', '红字冲销');
CREATE TABLE voucher (
    voucher_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 100),
    request       text NOT NULL,
    kind          text NOT NULL REFERENCES voucher_kind,
    county        text NOT NULL REFERENCES county,
    period        text NOT NULL CHECK (period ~ '^([0-9]{4}(-(0[1-9]|1[0-2]))?)?$'),
    memo          text NOT NULL CHECK (length(memo) <= 200),
    actor         text NOT NULL CHECK (length(actor) BETWEEN 1 AND 100),
    entered_at    timestamptz NOT NULL,
    journal_id    bigint NOT NULL UNIQUE REFERENCES journal,
    reverses      bigint UNIQUE REFERENCES voucher,
    CHECK ((kind = 'REVERSAL') = (reverses IS NOT NULL)),
    CHECK (reverses < voucher_id)
);
CREATE INDEX voucher_county ON voucher (county, voucher_id);

-- What an assessment was reckoned from: heads × per head = the amount on the receivable. Heads are the change against
-- what the period had been assessed for before.
CREATE TABLE assessment (
    voucher_id   bigint NOT NULL REFERENCES voucher,
    account_code text NOT NULL REFERENCES account,
    heads        bigint NOT NULL,
    per_head_fen bigint NOT NULL CHECK (per_head_fen > 0),
    source       text NOT NULL,
    PRIMARY KEY (voucher_id, account_code)
);
CREATE INDEX assessment_account ON assessment (account_code);

-- The plan of a county and year (总额控制, 郑政办〔2021〕24号 四(五)). The latest revision is in force.
CREATE TABLE plan_revision (
    scheme   text NOT NULL REFERENCES scheme,
    county   text NOT NULL REFERENCES county,
    year     integer NOT NULL CHECK (year BETWEEN 1 AND 9998),
    revision integer NOT NULL CHECK (revision > 0),
    plan_fen bigint NOT NULL CHECK (plan_fen > 0),
    memo     text NOT NULL CHECK (length(memo) <= 200),
    actor    text NOT NULL CHECK (length(actor) BETWEEN 1 AND 100),
    set_at   timestamptz NOT NULL,
    PRIMARY KEY (scheme, county, year, revision)
);

-- Months of posting that have been closed, by their first day: nothing posts into that month or an earlier one any more.
CREATE TABLE closed_month (
    closed_through date PRIMARY KEY CHECK (extract(day FROM closed_through) = 1),
    closed_at      timestamptz NOT NULL,
    CHECK (closed_at >= (closed_through + interval '1 month') AT TIME ZONE 'Asia/Shanghai')
);
-- The sums of posting per account up to the end of the month, since the books began.
CREATE TABLE closed_month_balance (
    closed_through date NOT NULL REFERENCES closed_month,
    account_code   text NOT NULL REFERENCES account,
    debit_fen      bigint NOT NULL,
    credit_fen     bigint NOT NULL,
    PRIMARY KEY (closed_through, account_code)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['account_kind', 'scheme', 'county', 'voucher_kind', 'voucher', 'assessment', 'plan_revision', 'closed_month', 'closed_month_balance'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

CREATE FUNCTION first_open_posting_day() RETURNS date LANGUAGE sql STABLE AS $$
    SELECT coalesce((max(closed_through) + interval '1 month')::date, '-infinity') FROM closed_month
$$;

-- Only the owner may lock these tables so; whoever closes a period does it through this function. The order is that of a posting.
CREATE OR REPLACE FUNCTION wait_for_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE journal, sub_ledger, posting IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_postings BEFORE INSERT ON closed_month FOR EACH STATEMENT EXECUTE FUNCTION wait_for_postings();

CREATE FUNCTION closed_month_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    earlier date;
BEGIN
    IF EXISTS (SELECT FROM added WHERE closed_through < (SELECT max(closed_through) FROM closed_month)) THEN
        RAISE EXCEPTION 'a later month is closed already' USING ERRCODE = 'check_violation', CONSTRAINT = 'months_close_in_order';
    END IF;
    SELECT date_trunc('month', min(posting_date))::date INTO earlier FROM journal
    WHERE posting_date >= coalesce((SELECT (max(closed_through) + interval '1 month')::date FROM closed_month WHERE closed_through NOT IN (SELECT closed_through FROM added)), '-infinity');
    IF earlier < (SELECT min(closed_through) FROM added) THEN
        RAISE EXCEPTION 'the month % has entries and is open', to_char(earlier, 'YYYY-MM') USING ERRCODE = 'check_violation', CONSTRAINT = 'months_close_in_order';
    END IF;
    INSERT INTO closed_month_balance (closed_through, account_code, debit_fen, credit_fen)
    SELECT closed_through, account_code, sum(debit_fen), sum(credit_fen)
    FROM added JOIN journal ON posting_date < closed_through + interval '1 month' JOIN posting USING (journal_id)
    GROUP BY closed_through, account_code;
    RETURN NULL;
END $$;
CREATE TRIGGER closing_balances AFTER INSERT ON closed_month
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION closed_month_added();

CREATE OR REPLACE FUNCTION journal_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_from         date := first_open_day();
    open_posting_from date := first_open_posting_day();
    closed            date;
BEGIN
    SELECT business_date INTO closed FROM added WHERE business_date < open_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the year of its visit, %, is closed', extract(year FROM closed) USING ERRCODE = 'check_violation', CONSTRAINT = 'year_is_open';
    END IF;
    SELECT posting_date INTO closed FROM added WHERE posting_date < open_posting_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the month of its posting, %, is closed', to_char(closed, 'YYYY-MM') USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_open';
    END IF;
    RETURN NULL;
END $$;

-- Besides the sums: a posting cannot be slipped into an older journal of a closed period; an account that holds money (10xx)
-- does not go below nothing; a facility is not paid beyond what it is owed.
CREATE OR REPLACE FUNCTION posting_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    open_from         date := first_open_day();
    open_posting_from date := first_open_posting_day();
    unbalanced        bigint;
    closed            journal;
    short             text;
BEGIN
    SELECT journal_id INTO unbalanced FROM added GROUP BY journal_id HAVING sum(debit_fen) <> sum(credit_fen) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not sum to zero', unbalanced USING ERRCODE = 'check_violation';
    END IF;
    SELECT * INTO closed FROM journal
    WHERE journal_id IN (SELECT journal_id FROM added) AND (business_date < open_from OR posting_date < open_posting_from) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % is of a closed period', closed.journal_id USING ERRCODE = 'check_violation',
            CONSTRAINT = CASE WHEN closed.business_date < open_from THEN 'year_is_open' ELSE 'month_is_open' END;
    END IF;
    INSERT INTO account_balance AS balance (account_code, debit_fen, credit_fen)
        SELECT account_code, sum(debit_fen), sum(credit_fen) FROM added GROUP BY account_code ORDER BY account_code
        ON CONFLICT (account_code) DO UPDATE
            SET debit_fen = balance.debit_fen + excluded.debit_fen, credit_fen = balance.credit_fen + excluded.credit_fen;
    SELECT account_code INTO short FROM account_balance
    WHERE account_code IN (SELECT account_code FROM added WHERE account_code LIKE '10%') AND debit_fen < credit_fen LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account % would be overdrawn', short USING ERRCODE = 'check_violation', CONSTRAINT = 'fund_account_not_overdrawn';
    END IF;
    SELECT account_code INTO short FROM account_balance
    WHERE account_code IN (SELECT account_code FROM added WHERE account_code LIKE '2101.%' AND debit_fen > 0) AND debit_fen > credit_fen LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account % would be paid more than is owed', short USING ERRCODE = 'check_violation', CONSTRAINT = 'payable_not_overpaid';
    END IF;
    RETURN NULL;
END $$;
