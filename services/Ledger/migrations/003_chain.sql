-- The chain of hashes over batches: link 1, 2, 3 … each stands for one batch and for the link before it. Batches of several
-- instances may commit out of the order of their ids, so the order of the chain is the link, not the batch.
CREATE TABLE chain_link (
    link          bigint PRIMARY KEY CHECK (link > 0),
    batch_id      bigint NOT NULL UNIQUE REFERENCES batch,
    format        smallint NOT NULL,
    chained_at    timestamptz NOT NULL,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- Which rows the batch wrote and the first 16 bytes of each one's hash, so that a bad row can be named. About 25 bytes a row.
    row_index     bytea NOT NULL
);
-- Hashes do not compress.
ALTER TABLE chain_link ALTER COLUMN row_index SET STORAGE EXTERNAL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chain_link FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
