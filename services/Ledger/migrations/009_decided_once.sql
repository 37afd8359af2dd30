-- What adjudication decided is kept as it was decided: nothing here is reckoned anew from a rate or a type of visit.
-- shortfall_fen: what the fund would have paid besides, had there been no cap.
-- counts_against_cap: whether fund_pay_fen counts against the insured's annual cap.
ALTER TABLE sub_ledger
    ADD COLUMN shortfall_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN counts_against_cap boolean NOT NULL DEFAULT false;
ALTER TABLE sub_ledger ALTER COLUMN shortfall_fen DROP DEFAULT, ALTER COLUMN counts_against_cap DROP DEFAULT;
ALTER TABLE sub_ledger ADD CHECK (CASE kind WHEN 'CANCELLATION' THEN shortfall_fen <= 0 WHEN 'REQUEST_ONLY' THEN shortfall_fen = 0 ELSE shortfall_fen >= 0 END);
