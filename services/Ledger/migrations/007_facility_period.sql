-- Finds a facility's entries of some days. Rows arrive in the order of their settlement, so a block range covers a short time,
-- and a range that has none of a facility's rows is passed over. The posting path pays nothing for it: ranges are summarized
-- later, in the background. A B-tree on (facility_code, settled_at) cost it half its speed.
CREATE INDEX sub_ledger_facility_period ON sub_ledger
    USING brin (settled_at, visit_date date_minmax_multi_ops, facility_code text_bloom_ops (n_distinct_per_range = 500))
    WITH (pages_per_range = 32, autosummarize = on);
