-- Every limit that a visit met, as adjudication decided it: a line each of kind, limit, used before, moved, accumulator
-- (claims/v1/settled_claim.proto). The sum of what moved an accumulator is what Redis must hold of it.
-- visit_id: the hospital's number of the visit, empty where it stated none.
ALTER TABLE sub_ledger
    ADD COLUMN limits text NOT NULL DEFAULT '',
    ADD COLUMN visit_id text NOT NULL DEFAULT '';
ALTER TABLE sub_ledger ALTER COLUMN limits DROP DEFAULT, ALTER COLUMN visit_id DROP DEFAULT;
