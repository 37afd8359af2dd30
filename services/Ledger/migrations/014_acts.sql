-- What cannot be undone, and who did it. An act is written in a batch, with what it did where that is the ledger's own, so the chain
-- covers it.
CREATE TABLE act (
    act_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id  bigint NOT NULL REFERENCES batch,
    kind      text NOT NULL,
    subject   text NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
    detail    text NOT NULL CHECK (length(detail) <= 500),
    caller    text NOT NULL CHECK (length(caller) BETWEEN 1 AND 200),
    actor     text NOT NULL CHECK (length(actor) <= 100),
    acted_at  timestamptz NOT NULL
);
CREATE INDEX act_batch ON act (batch_id);
CREATE INDEX act_kind_subject ON act (kind, subject);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON act FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
