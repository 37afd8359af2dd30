-- Heads are assessed by what is owed for each: students of a college, and categories that are aided, apart from the rest. Who bears the
-- aid has a receivable of his own.
INSERT INTO account_kind (kind, name) VALUES
    ('1106', '应收参保资助—市级'),
    ('1107', '应收参保资助—区县（市）');
INSERT INTO voucher_kind (kind, name) VALUES ('AID_RECEIVED', '收到参保资助');

-- Takes the place of assessment, whose rows stand for heads of which nobody was set apart. heads_of is a college, a category, or empty for
-- whoever neither sets apart. heads × per head, summed over an account, is the amount on it; heads are the change against before.
CREATE TABLE assessed_head (
    voucher_id   bigint NOT NULL REFERENCES voucher,
    account_code text NOT NULL REFERENCES account,
    heads_of     text NOT NULL,
    heads        bigint NOT NULL CHECK (heads <> 0),
    per_head_fen bigint NOT NULL CHECK (per_head_fen > 0),
    source       text NOT NULL,
    PRIMARY KEY (voucher_id, account_code, heads_of)
);
CREATE INDEX assessed_head_account ON assessed_head (account_code);

-- For whom the documents do not say who owes, or how much: named, not guessed. All heads, not the change.
CREATE TABLE unassessed_head (
    voucher_id   bigint NOT NULL REFERENCES voucher,
    heads_of     text NOT NULL,
    heads        bigint NOT NULL CHECK (heads > 0),
    -- Of which nobody knows who owes it; 0 where not even the amount is known.
    per_head_fen bigint NOT NULL CHECK (per_head_fen >= 0),
    reason       text NOT NULL,
    PRIMARY KEY (voucher_id, heads_of)
);

CREATE VIEW assessed AS
    SELECT voucher_id, account_code, '' AS heads_of, heads, per_head_fen, source FROM assessment
    UNION ALL
    SELECT voucher_id, account_code, heads_of, heads, per_head_fen, source FROM assessed_head;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON assessed_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON unassessed_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
