-- The record as adjudication's store has it, so that a store that has lost it is made whole from here. Opaque to the books; empty where it
-- was booked before they kept it.
ALTER TABLE sub_ledger ADD COLUMN stored_record bytea NOT NULL DEFAULT '';
ALTER TABLE sub_ledger ALTER COLUMN stored_record DROP DEFAULT;

-- The terms that stored records refer to, by the first four bytes of this hash.
CREATE TABLE stored_terms (
    terms_sha256 bytea PRIMARY KEY CHECK (terms_sha256 = sha256(terms)),
    terms        bytea NOT NULL
);

-- NUMBERS_LOST: the numbers up to sequence that a store had given out and lost. No money, and no one's.
DO $$
DECLARE
    rule text;
BEGIN
    FOR rule IN SELECT conname FROM pg_constraint WHERE conrelid = 'sub_ledger'::regclass AND contype = 'c'
        AND pg_get_constraintdef(oid) LIKE '%REQUEST_ONLY%' LOOP
        EXECUTE format('ALTER TABLE sub_ledger DROP CONSTRAINT %I', rule);
    END LOOP;
END $$;
ALTER TABLE sub_ledger
    ADD CHECK (kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION', 'REQUEST_ONLY', 'NUMBERS_LOST')),
    ADD CHECK (kind IN ('REQUEST_ONLY', 'NUMBERS_LOST') OR (settlement_id IS NOT NULL AND visit_date IS NOT NULL)),
    ADD CHECK (CASE kind
        WHEN 'CANCELLATION' THEN greatest(total_fen, fund_pay_fen) <= 0
        WHEN 'REQUEST_ONLY' THEN total_fen = 0 AND fund_pay_fen = 0
        WHEN 'NUMBERS_LOST' THEN total_fen = 0 AND fund_pay_fen = 0 AND insured_id = '' AND facility_code = ''
        ELSE least(total_fen, fund_pay_fen) >= 0 END),
    ADD CHECK (CASE kind
        WHEN 'CANCELLATION' THEN shortfall_fen <= 0
        WHEN 'REQUEST_ONLY' THEN shortfall_fen = 0
        WHEN 'NUMBERS_LOST' THEN shortfall_fen = 0
        ELSE shortfall_fen >= 0 END);
