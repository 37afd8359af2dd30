using Claims.Ledger.Audit;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>Two ids that are one person, in the books.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class MergedIdsTests(LedgerDatabase databases)
{
    private const string Old = "T1";
    private const string New = "N1";

    [Fact]
    public async Task Merge_moves_what_is_used_from_one_shard_to_the_other_and_the_books_stay_whole()
    {
        string postgres = await databases.CreateAsync();
        PublishedLog log = new(2);
        SettledClaim old = log.AddSettlement(0, record => record.InsuredId = Old);
        SettledClaim own = log.AddSettlement(1, record => record.InsuredId = New);
        Merge(log, 0, Kind.MergeOut, Old, New, -1, old);
        Merge(log, 1, Kind.MergeIn, New, Old, 1, old);
        SettledClaim after = log.AddSettlement(1, record => (record.InsuredId, record.PersonId) = (Old, New));
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        InsuredAccumulators[] first = await FoldAsync(ledger, 0);
        InsuredAccumulators second = Assert.Single(await FoldAsync(ledger, 1));

        Assert.Equal((Old, 0, 0), (first[0].InsuredId, (int)first[0].StandingSettlements, first[0].Accumulators.Count));
        Assert.Equal((New, 3), (second.InsuredId, (int)second.StandingSettlements));
        Dictionary<string, long> used = [];
        foreach (BookedLimit limit in new[] { old, own, after }.SelectMany(claim => BookedLimit.Read(claim.Limits)))
            if (limit.Accumulator.Length > 0) used[limit.Accumulator] = used.GetValueOrDefault(limit.Accumulator) + limit.Moved;
        Assert.Equal(used.Where(held => held.Value != 0).OrderBy(held => held.Key, StringComparer.Ordinal),
            second.Accumulators.Select(held => KeyValuePair.Create(held.Name, held.Amount)));
        Assert.Equal(["N1 T1\n甲\n落户", "T1 N1\n甲\n落户"], await ledger.RowsAsync(
            "SELECT concat_ws(' ', insured_id, note) FROM sub_ledger WHERE kind LIKE 'MERGE%' ORDER BY insured_id"));
        await using Audit audit = new(postgres);
        await audit.ChainAllAsync();
        Assert.All((await audit.VerifyAsync()).Checks, check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public async Task Record_of_a_merged_id_is_listed_where_it_lies_with_the_id_that_it_names()
    {
        PublishedLog log = new(1);
        log.AddSettlement(0, record => (record.InsuredId, record.StoredRecord) = (Old, ByteString.CopyFromUtf8("a")));
        log.AddSettlement(0, record =>
            (record.InsuredId, record.PersonId, record.StoredRecord) = (Old, New, ByteString.CopyFromUtf8("b")));
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        Assert.Equal([(New, Old, "b"), (Old, "", "a")], await ListAsync(ledger, ""));
        Assert.Equal([(New, Old, "b")], await ListAsync(ledger, New));
        Assert.Equal([(Old, "", "a")], await ListAsync(ledger, Old));
    }

    [Fact]
    public async Task Books_are_lived_through_with_merged_ids_last_and_those_in_the_order_of_time()
    {
        const string Other = "X1";
        PublishedLog log = new(2);
        SettledClaim old = log.AddSettlement(0, record => (record.InsuredId, record.SettledAtUnixMs) = (Old, 1_710_900_000_000));
        log.AddSettlement(0, record => record.InsuredId = Other);
        log.AddSettlement(1, record => (record.InsuredId, record.SettledAtUnixMs) = (New, 1_710_800_000_000));
        Merge(log, 0, Kind.MergeOut, Old, New, -1, old);
        Merge(log, 1, Kind.MergeIn, New, Old, 1, old);
        log.AddSettlement(1, record =>
            (record.InsuredId, record.PersonId, record.SettledAtUnixMs) = (Old, New, 1_711_100_000_000));
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);
        string[] merged = ["1/1 N1 True", "0/1 T1 True", "0/3 T1 True", "1/2 N1 True", "1/3 T1 True"];

        Assert.Equal(["0/2 X1 False", .. merged], await LivedAsync(0, ""));
        Assert.Equal(["0/2 X1 False"], await LivedAsync(0, Other));
        Assert.Equal(merged, await LivedAsync(0, Old));
        // Visits of 2024, and a merge that is of no year.
        Assert.Equal(["0/3 T1 True", "1/2 N1 True"], await LivedAsync(2025, ""));

        async Task<List<string>> LivedAsync(int fromYear, string insuredId) => await ledger.Entries
            .LivedAsync(fromYear, insuredId, CancellationToken.None)
            .Select(lived => $"{lived.Entry.Shard}/{lived.Entry.Sequence} {lived.Entry.InsuredId} {lived.OfMerged}").ToListAsync();
    }

    [Theory]
    [InlineData("money")]
    [InlineData("a facility")]
    [InlineData("a person")]
    [InlineData("no note")]
    [InlineData("a note without a reason")]
    [InlineData("itself")]
    [InlineData("a limit")]
    [InlineData("the wrong sign")]
    [InlineData("no first number")]
    public void Merge_that_carries_anything_else_is_refused(string what)
    {
        PublishedLog log = new(1);
        SettledClaim merge = Merge(log, 0, Kind.MergeIn, New, Old, 1, log.AddSettlement(0));
        Assert.Null(BookableRecord.Check(merge).VisitDate);
        switch (what)
        {
            case "money": merge.FundPayFen = 1; break;
            case "a facility": merge.FacilityCode = "H1"; break;
            case "a person": merge.PersonId = "P"; break;
            case "no note": merge.Note = ""; break;
            case "a note without a reason": merge.Note = "T1\n甲\n"; break;
            case "itself": merge.Note = "N1\n甲\n落户"; break;
            case "a limit": merge.Limits = "f 1 0 1 fordinary.year:2024"; break;
            case "the wrong sign": merge.Limits = "t 0 0 -1 fordinary.year:2024"; break;
            case "no first number": merge.FirstSequence = 0; break;
        }

        Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(merge));
    }

    [Fact]
    public void Visit_with_a_line_or_a_note_of_a_merge_is_refused()
    {
        PublishedLog log = new(1);
        SettledClaim line = log.AddSettlement(0);
        line.Limits += "\nt 0 0 1 fordinary.year:2024";
        SettledClaim note = log.AddSettlement(0);
        note.Note = "T1\n甲\n落户";

        Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(line));
        Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(note));
    }

    private static async Task<InsuredAccumulators[]> FoldAsync(RunningLedger ledger, int shard)
    {
        List<InsuredAccumulators> fold = [];
        await foreach (ShardAccumulators news in ledger.Get<ShardFold>().OfAsync(shard, CancellationToken.None))
            if (news.Insured is { } insured) fold.Add(insured);
        return [.. fold];
    }

    private static async Task<(string, string, string)[]> ListAsync(RunningLedger ledger, string insuredId)
    {
        List<(string, string, string)> listed = [];
        await foreach (StoredRecords news in ledger.Get<StoredRecordReader>().OfAsync(0, insuredId, CancellationToken.None))
            if (news.Record is { } record) listed.Add((record.InsuredId, record.StatedId, record.StoredRecord.ToStringUtf8()));
        return [.. listed];
    }

    private static SettledClaim Merge(PublishedLog log, int shard, Kind kind, string id, string other, int sign, SettledClaim brought) =>
        log.AddSettlement(shard, record =>
        {
            SettledClaim merge = new()
            {
                Format = record.Format,
                Epoch = record.Epoch,
                Shard = shard,
                Sequence = record.Sequence,
                FirstSequence = record.Sequence,
                Kind = kind,
                InsuredId = id,
                RequestId = $"merge-{kind}",
                SettledAtUnixMs = 1_711_000_000_000,
                Scheme = "resident",
                Note = $"{other}\n甲\n落户",
                Limits = string.Concat(BookedLimit.Read(brought.Limits).Where(limit => limit.Accumulator.Length > 0)
                    .Select(limit => $"t 0 0 {sign * limit.Moved} {limit.Accumulator}\n")) + $"S 0 0 {sign} ",
            };
            foreach (Google.Protobuf.Reflection.FieldDescriptor field in SettledClaim.Descriptor.Fields.InFieldNumberOrder())
            {
                field.Accessor.Clear(record);
            }

            record.MergeFrom(merge);
        });
}
