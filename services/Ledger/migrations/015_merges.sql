-- Two insured that are one. person_id: whose accumulators the record moves, where the id that it names was merged into that one; empty for
-- most. note: of a merge the other id, who did it and why, a line each.
ALTER TABLE sub_ledger
    ADD COLUMN person_id text NOT NULL DEFAULT '',
    ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE sub_ledger ALTER COLUMN person_id DROP DEFAULT, ALTER COLUMN note DROP DEFAULT;

-- MERGE_OUT and MERGE_IN say it under either id, UNMERGE_IN and UNMERGE_OUT take it back. No money, and of no facility.
DO $$
DECLARE
    rule text;
BEGIN
    FOR rule IN SELECT conname FROM pg_constraint WHERE conrelid = 'sub_ledger'::regclass AND contype = 'c'
        AND pg_get_constraintdef(oid) LIKE '%NUMBERS_LOST%' LOOP
        EXECUTE format('ALTER TABLE sub_ledger DROP CONSTRAINT %I', rule);
    END LOOP;
END $$;
ALTER TABLE sub_ledger
    ADD CHECK (kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION', 'REQUEST_ONLY', 'NUMBERS_LOST', 'MERGE_OUT', 'MERGE_IN', 'UNMERGE_IN',
        'UNMERGE_OUT')),
    ADD CHECK (kind NOT IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION') OR (settlement_id IS NOT NULL AND visit_date IS NOT NULL)),
    ADD CHECK (CASE kind
        WHEN 'SETTLEMENT' THEN least(total_fen, fund_pay_fen, shortfall_fen) >= 0
        WHEN 'RESTORATION' THEN least(total_fen, fund_pay_fen, shortfall_fen) >= 0
        WHEN 'CANCELLATION' THEN greatest(total_fen, fund_pay_fen, shortfall_fen) <= 0
        ELSE total_fen = 0 AND fund_pay_fen = 0 AND shortfall_fen = 0 END),
    ADD CHECK (CASE kind
        WHEN 'NUMBERS_LOST' THEN insured_id = '' AND facility_code = ''
        WHEN 'MERGE_OUT' THEN facility_code = '' AND note <> '' AND visit_date IS NULL
        WHEN 'MERGE_IN' THEN facility_code = '' AND note <> '' AND visit_date IS NULL
        WHEN 'UNMERGE_IN' THEN facility_code = '' AND note <> '' AND visit_date IS NULL
        WHEN 'UNMERGE_OUT' THEN facility_code = '' AND note <> '' AND visit_date IS NULL
        ELSE note = '' END);

-- So that nobody who was never merged pays for the question who was.
CREATE INDEX sub_ledger_merge ON sub_ledger (insured_id) WHERE kind = 'MERGE_OUT';
