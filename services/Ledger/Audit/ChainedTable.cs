using Claims.Ledger.SubLedger;

namespace Claims.Ledger.Audit;

/// <summary>A table whose rows are written by batches and bound by the chain.</summary>
/// <param name="Number">Part of the stored format: given once, for good.</param>
/// <param name="Key">Columns of the primary key.</param>
/// <param name="Order">How the rows of a batch follow on each other: by the key, texts byte by byte.</param>
/// <param name="Columns">What links of the current format hash, in this order. A column that is added later takes a new format, and the
/// list before it goes to <see cref="ColumnsOfEarlierFormats"/>, since older links do not cover it.</param>
/// <param name="Batch">The batch that wrote a row, as an SQL expression over <paramref name="From"/>.</param>
/// <param name="From">Where the rows, as <c>entry</c>, are read from.</param>
/// <param name="Anchor">Holds for a row whose batch is known.</param>
internal sealed record ChainedTable(
    byte Number, string Name, string[] Key, string Order, string[] Columns, string Batch, string From, string Anchor)
{
    private const string OfBatch = "EXISTS (SELECT FROM batch WHERE batch.batch_id = entry.batch_id)";

    public static ChainedTable SubLedger { get; } = new(3, "sub_ledger", ["shard", "sequence"], "entry.shard, entry.sequence",
        SubLedgerTable.Columns,
        "range.batch_id",
        // OFFSET 0 keeps the planner to one index range per range, however large the table and however old its statistics.
        """
        batch_range AS range CROSS JOIN LATERAL (
            SELECT * FROM sub_ledger WHERE sub_ledger.shard = range.shard AND sub_ledger.sequence BETWEEN range.first_sequence
                AND range.last_sequence OFFSET 0
        ) AS entry
        """,
        "entry.sequence BETWEEN 1 AND booked.last_sequence")
    {
        // Once for all rows. Asked for each, every row looked through all ranges of its shard, and half an hour's small batches were not
        // done in ten minutes.
        ColumnsOfEarlierFormats =
        {
            [1] = SubLedgerTable.ColumnsOfFormat1, [2] = SubLedgerTable.ColumnsOfFormat2, [3] = SubLedgerTable.ColumnsOfFormat3,
            [4] = SubLedgerTable.ColumnsOfFormat4,
        },
        AnchoredBy = "LEFT JOIN (SELECT shard, max(last_sequence) AS last_sequence FROM batch_range GROUP BY shard) AS booked ON "
            + "booked.shard = entry.shard",
    };

    /// <summary>In the order in which a batch's rows are hashed: what others hang on comes first, so that the first bad row is the
    /// cause.</summary>
    public static IReadOnlyList<ChainedTable> All { get; } =
    [
        Direct(1, "batch", ["batch_id"], ["batch_id", "posted_at"]),
        Direct(2, "batch_range", ["shard", "first_sequence"], ["shard", "first_sequence", "last_sequence", "batch_id"]),
        SubLedger,
        Direct(4, "journal", ["journal_id"], ["journal_id", "batch_id", "scheme", "posting_date", "business_date"]),
        new(5, "posting", ["journal_id", "account_code"], """entry.journal_id, entry.account_code COLLATE "C" """,
            ["journal_id", "account_code", "debit_fen", "credit_fen"],
            "journal.batch_id", "journal JOIN posting AS entry USING (journal_id)",
            "EXISTS (SELECT FROM journal WHERE journal.journal_id = entry.journal_id)"),
        new(6, "voucher", ["voucher_id"], "entry.voucher_id",
            ["voucher_id", "key", "request", "kind", "county", "period", "memo", "actor", "entered_at", "journal_id", "reverses"],
            "journal.batch_id", "journal JOIN voucher AS entry USING (journal_id)",
            "EXISTS (SELECT FROM journal WHERE journal.journal_id = entry.journal_id)"),
        OfVoucher(7, "assessment", ["voucher_id", "account_code"], ["heads", "per_head_fen", "source"]),
        Direct(8, "act", ["act_id"], ["act_id", "batch_id", "kind", "subject", "detail", "caller", "actor", "acted_at"]) with { Since = 5 },
        OfVoucher(9, "assessed_head", ["voucher_id", "account_code", "heads_of"], ["heads", "per_head_fen", "source"]) with { Since = 6 },
        OfVoucher(10, "unassessed_head", ["voucher_id", "heads_of"], ["heads", "per_head_fen", "reason"]) with { Since = 6 },
    ];

    /// <summary>The table's name as a field, which stands before a row's count of fields and fields in its hash.</summary>
    public byte[] NameField { get; } = CopyBuffer.FieldOf(Name);

    /// <summary>The first format whose links cover it.</summary>
    public short Since { get; private init; } = 1;

    /// <summary>Where a link's format had other columns than <see cref="Columns"/>.</summary>
    public Dictionary<short, string[]> ColumnsOfEarlierFormats { get; } = [];

    /// <summary>Joined to the rows for the sake of <see cref="Anchor"/>.</summary>
    public string AnchoredBy { get; private init; } = "";

    /// <summary>The text of a row's key, its parts with / between them.</summary>
    public string KeyOfEntry => $"concat_ws('/', {string.Join(", ", Key.Select(column => $"entry.{column}"))})";

    /// <summary>Every row of some batches: batch, key, then the columns; by batch, and within it in the order of the chain.</summary>
    /// <param name="format">The format of the links that stand for the batches.</param>
    public string RowsOf(IEnumerable<long> batches, short format) => $"""
        SELECT {Batch}, {KeyOfEntry}, {string.Join(", ", ColumnsOf(format).Select(column => $"entry.{column}"))}
        FROM {From} WHERE {Batch} = ANY ('{$"{{{string.Join(',', batches)}}}"}'::bigint[])
        ORDER BY {Batch}, {Order}
        """;

    public string[] ColumnsOf(short format) => ColumnsOfEarlierFormats.GetValueOrDefault(format, Columns);

    /// <summary>The first row that no batch has written, by its key.</summary>
    public string FirstWithoutBatch =>
        $"SELECT {KeyOfEntry} FROM {Name} AS entry {AnchoredBy} WHERE ({Anchor}) IS NOT TRUE ORDER "
        + $"BY {string.Join(", ", Key.Select(column => $"entry.{column}"))} LIMIT 1";

    /// <summary>Whether a row names its batch itself.</summary>
    public bool IsDirect => Batch == "entry.batch_id";

    /// <param name="key">The voucher's number, then texts.</param>
    private static ChainedTable OfVoucher(byte number, string name, string[] key, string[] others) =>
        new(number, name, key, string.Join(", ", [$"entry.{key[0]}", .. key[1..].Select(text => $"""entry.{text} COLLATE "C" """)]),
            [.. key, .. others], "journal.batch_id",
            $"journal JOIN voucher USING (journal_id) JOIN {name} AS entry USING (voucher_id)",
            "EXISTS (SELECT FROM voucher WHERE voucher.voucher_id = entry.voucher_id)");

    private static ChainedTable Direct(byte number, string name, string[] key, string[] columns) =>
        new(number, name, key, string.Join(", ", key.Select(column => $"entry.{column}")), columns, "entry.batch_id", $"{name} AS entry",
            OfBatch);
}
