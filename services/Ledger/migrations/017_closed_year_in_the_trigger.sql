-- The check of closed years looked at a copy of every row that a batch added: 6 µs a row. The first open day stands in the trigger itself
-- now, which so compares two dates; a closing writes it anew, under the lock that wait_for_postings has taken for it.
DROP TRIGGER year_is_open ON sub_ledger;
DROP FUNCTION sub_ledger_added();

CREATE FUNCTION refuse_closed_year() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the year of its visit, %, is closed', extract(year FROM NEW.visit_date)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'year_is_open';
END $$;

-- After the row, not before it: COPY adds rows by the page as long as no trigger stands before them.
CREATE FUNCTION keep_closed_years() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER year_is_open AFTER INSERT ON sub_ledger FOR EACH ROW '
        'WHEN (NEW.kind <> %L AND NEW.visit_date < %L::date) EXECUTE FUNCTION refuse_closed_year()',
        'REQUEST_ONLY', first_open_day());
    RETURN NULL;
END $$;
CREATE TRIGGER keep_closed_years AFTER INSERT ON closed_year FOR EACH STATEMENT EXECUTE FUNCTION keep_closed_years();

-- What has been closed before: a statement that adds no row fires it too.
INSERT INTO closed_year SELECT * FROM closed_year WHERE false;
