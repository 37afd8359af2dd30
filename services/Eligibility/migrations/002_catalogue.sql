-- One row an item and period. That the periods of one item do not overlap is seen to by the import, the only writer,
-- which holds the row of registry_version: an exclusion constraint would need the extension btree_gist.
CREATE TABLE catalogue_item (
    item_code             text COLLATE "C" NOT NULL,
    name                  text NOT NULL,
    class                 smallint NOT NULL,
    first_self_pay_bp     integer NOT NULL,
    price_limit_milli_fen bigint,
    valid_from            date NOT NULL,
    valid_to              date,
    PRIMARY KEY (item_code, valid_from),
    CHECK (first_self_pay_bp BETWEEN 0 AND 10000),
    CHECK (class = 2 OR first_self_pay_bp = 0),
    CHECK (price_limit_milli_fen > 0),
    CHECK (valid_from <= valid_to)
);
