-- Years of visits that have been closed: no entry of that year or an earlier one is taken any more. The books themselves
-- refuse to close a year that has not ended in China Standard Time.
CREATE TABLE closed_year (
    closed_through integer PRIMARY KEY CHECK (closed_through BETWEEN 1 AND 9998),
    closed_at      timestamptz NOT NULL,
    CHECK (closed_at >= make_date(closed_through + 1, 1, 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closed_year FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A posting that is under way has either committed before the year closes, or sees that it has closed. Journals come
-- first, as in a posting.
CREATE FUNCTION wait_for_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE journal, sub_ledger IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_postings BEFORE INSERT ON closed_year FOR EACH STATEMENT EXECUTE FUNCTION wait_for_postings();

CREATE FUNCTION first_open_day() RETURNS date LANGUAGE sql STABLE AS $$
    SELECT coalesce(make_date(max(closed_through) + 1, 1, 1), '-infinity') FROM closed_year
$$;

-- REQUEST_ONLY is no entry: it keeps a request id, without money. Once a statement, not once a row: measured at 2 µs a row.
CREATE FUNCTION sub_ledger_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_from date := first_open_day();
    closed    date;
BEGIN
    SELECT visit_date INTO closed FROM added WHERE visit_date < open_from AND kind <> 'REQUEST_ONLY' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the year of its visit, %, is closed', extract(year FROM closed) USING ERRCODE = 'check_violation', CONSTRAINT = 'year_is_open';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER year_is_open AFTER INSERT ON sub_ledger
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sub_ledger_added();

CREATE FUNCTION journal_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_from date := first_open_day();
    closed    date;
BEGIN
    SELECT business_date INTO closed FROM added WHERE business_date < open_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the year of its visit, %, is closed', extract(year FROM closed) USING ERRCODE = 'check_violation', CONSTRAINT = 'year_is_open';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER year_is_open AFTER INSERT ON journal
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION journal_added();
