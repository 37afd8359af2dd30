-- Finds the journals of some batches, which the chain asks for every second and a check of the books step by step: without it each
-- time looked through all journals. Ids grow with the batches, so a new entry goes to the index' last page.
CREATE INDEX journal_batch ON journal (batch_id);
