-- Which counties there are, and what they are called, the city's policy says: the service writes it at every start. A name may
-- change; a county that accounts stand under stays.
DROP TRIGGER append_only ON county;
CREATE TRIGGER append_only BEFORE UPDATE OF county OR DELETE OR TRUNCATE ON county FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT INSERT, UPDATE (name) ON county TO claims_ledger;
