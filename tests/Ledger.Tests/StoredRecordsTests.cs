using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>What the books keep so that a store of accumulators can be rebuilt, and what stands for numbers that it has lost.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class StoredRecordsTests(LedgerDatabase databases)
{
    private static readonly ByteString Terms = ByteString.CopyFromUtf8("the terms");

    [Fact]
    public async Task Stored_forms_are_listed_by_insured_and_sequence_and_every_text_of_terms_once()
    {
        PublishedLog log = new(2);
        foreach ((int shard, string insured, string form) in new[] { (1, "b", "x"), (1, "B", "y"), (0, "a", "z"), (1, "b", "w") })
        {
            log.AddSettlement(shard, record =>
            {
                record.InsuredId = insured;
                record.StoredRecord = ByteString.CopyFromUtf8(form);
                record.StoredTerms = form == "x" || form == "z" ? Terms : ByteString.Empty;
            });
        }

        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);
        ledger.Watermarks.Advance([(0, 1), (1, 3)]);
        await ledger.ExecuteAsync("INSERT INTO closed_year (closed_through, closed_at) VALUES (2021, now()), (2022, now())");

        // What the books have once is not entered again, by this instance or another.
        log.AddSettlement(0, record => (record.StoredRecord, record.StoredTerms) = (ByteString.CopyFromUtf8("v"), Terms));
        await using RunningLedger other = RunningLedger.Create(postgres);
        await other.OpenAsync(log);
        await other.BookNewAsync(log);

        Assert.Equal([$"{Convert.ToHexStringLower(SHA256.HashData(Terms.Span))} the terms"], await ledger.RowsAsync(
            "SELECT encode(terms_sha256, 'hex') || ' ' || convert_from(terms, 'UTF8') FROM stored_terms"));
        StoredRecords[] all = await ListAsync(ledger, 1, "");
        Assert.Equal(new StoredRecords.Types.Position { Sequence = 3, ClosedThrough = 2022 }, all[0].Position);
        Assert.Equal(Terms, all[1].Terms);
        Assert.Equal(
            [(2, "B", "y"), (1, "b", "x"), (3, "b", "w")],
            all[2..].Select(news => (news.Record.Sequence, news.Record.InsuredId, news.Record.StoredRecord.ToStringUtf8())));
        Assert.Equal((log.Shard(1)[0].FacilityCode, "R1-1"), (all[3].Record.FacilityCode, all[3].Record.RequestId));
        Assert.Equal([1L, 3L], (await ListAsync(ledger, 1, "b"))[2..].Select(news => news.Record.Sequence));
        StoredRecords[] none = await ListAsync(ledger, 0, "nobody");
        Assert.Equal(new StoredRecords.Types.Position { Sequence = 2, ClosedThrough = 2022 }, none[0].Position);
        Assert.Equal(2, none.Length);
    }

    [Fact]
    public async Task What_is_booked_while_records_are_listed_is_beyond_the_position_and_not_among_them()
    {
        PublishedLog log = new(1);
        log.AddSettlement(0, record => record.StoredRecord = ByteString.CopyFromUtf8("x"));
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookNewAsync(log);
        List<StoredRecords> listed = [];

        await foreach (StoredRecords news in ledger.Get<StoredRecordReader>().OfAsync(0, "", CancellationToken.None))
        {
            listed.Add(news);
            if (listed.Count > 1) continue;
            log.AddSettlement(0, record => (record.StoredRecord, record.StoredTerms) = (ByteString.CopyFromUtf8("y"), Terms));
            await ledger.BookNewAsync(log);
        }

        Assert.Equal((2, 1L, 1L), (listed.Count, listed[0].Position.Sequence, listed[1].Record.Sequence));
        Assert.Equal(2, (await ListAsync(ledger, 0, ""))[0].Position.Sequence);
    }

    [Fact]
    public async Task Record_that_was_booked_without_its_stored_form_is_named()
    {
        PublishedLog log = new(1);
        log.AddSettlement(0, record => record.StoredRecord = ByteString.CopyFromUtf8("x"));
        log.AddSettlement(0);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        RecordNotKeptException refused = await Assert.ThrowsAsync<RecordNotKeptException>(() => ListAsync(ledger, 0, ""));

        Assert.Equal("record 2 of shard 0 was booked by a version that did not keep its stored form: the store cannot be rebuilt",
            refused.Message);
    }

    [Fact]
    public async Task Lost_numbers_stand_in_the_books_and_what_follows_them_is_booked()
    {
        string postgres = await databases.CreateAsync();
        PublishedLog log = new PublishedLog(1).AddSettlements(1);
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        SettledClaim lost = log.Lost(2, 51_000);
        SettledClaim next = log.AddSettlement(0, record => record.Sequence = 51_001);

        Selection selection = Select(ledger, log, log.Shard(0)[0], lost, next);
        await ledger.Books.PostAsync(selection, CancellationToken.None);

        Assert.Equal((1L, 51_001L), selection.Ranges[0]);
        Assert.Equal(["51001"], await ledger.RowsAsync("SELECT sequence::text FROM shard_watermark"));
        Assert.Equal(
            ["51000 NUMBERS_LOST 2-51000 0 0 lost"],
            await ledger.RowsAsync("SELECT concat_ws(' ', sequence, kind, request_id, total_fen, fund_pay_fen, "
                + "convert_from(stored_record, 'UTF8')) FROM sub_ledger WHERE kind = 'NUMBERS_LOST'"));
        TrialBalance balance = await ledger.Get<BookReader>().TrialBalanceAsync(CancellationToken.None);
        Assert.Equal((true, 2, log.Shard(0)[0].FundPayFen + next.FundPayFen),
            (balance.Balanced, balance.StandingSettlements, balance.FundPaidFen));
        await using Audit audit = new(postgres);
        await audit.ChainAllAsync();
        Assert.All((await audit.VerifyAsync()).Checks, check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public void Lost_numbers_are_taken_only_where_they_begin_with_the_next_one()
    {
        PublishedLog log = new PublishedLog(1).AddSettlements(1);
        Claims.Ledger.Posting.Watermarks marks = new(TimeProvider.System);
        marks.Open(new StoreRow(log.Epoch, 1, true, [1], [""]));

        Selection beyond = Selection.Of([Feed(log.Lost(3, 9))], log.Epoch, marks, FrozenSet.Create(0));
        Selection again = Selection.Of([Feed(log.Lost(2, 9)), Feed(log.Lost(2, 9))], log.Epoch, marks, FrozenSet.Create(0));

        Assert.Equal([0], beyond.Gaps);
        Assert.Empty(beyond.Records);
        Assert.Equal((2L, 9L), again.Ranges[0]);
        Assert.Single(again.Repeats);
    }

    [Fact]
    public async Task Record_under_a_number_that_was_given_up_is_found_to_be_a_fork_and_the_lost_numbers_again_are_not()
    {
        PublishedLog log = new PublishedLog(1).AddSettlements(1);
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.Books.PostAsync(Select(ledger, log, log.Shard(0)[0], log.Lost(2, 9)), CancellationToken.None);
        SettledClaim late = log.AddSettlement(0, record => (record.Sequence, record.InsuredId) = (4, "410101199001011234"));

        List<PoisonRecord> forks = await ledger.Books.FindForksAsync(
            [Feed(log.Shard(0)[0]), Feed(log.Lost(2, 9)), Feed(late)], CancellationToken.None);

        Assert.Equal(
            [$"has a number that was given up as lost, 4: booked are the lost numbers 2-9; this is request {late.RequestId} of "
                + $"{late.FacilityCode} for ***1234, {late.FundPayFen} fen"],
            forks.Select(fork => fork.Reason));
    }

    [Theory]
    [InlineData("money")]
    [InlineData("an insured")]
    [InlineData("a facility")]
    [InlineData("a limit")]
    [InlineData("a time before all")]
    [InlineData("a time beyond all")]
    [InlineData("no first number")]
    [InlineData("a first number beyond the last")]
    public void Lost_numbers_that_carry_anything_are_refused(string what)
    {
        SettledClaim lost = new PublishedLog(1).Lost(2, 9);
        switch (what)
        {
            case "money": lost.FundPayFen = 1; break;
            case "an insured": lost.InsuredId = "P1"; break;
            case "a facility": lost.FacilityCode = "H1"; break;
            case "a limit": lost.Limits = "f 1 0 1 fordinary.year:2024"; break;
            case "a time before all": lost.SettledAtUnixMs = -1; break;
            case "a time beyond all": lost.SettledAtUnixMs = 253_402_300_800_000; break;
            case "no first number": lost.FirstSequence = 0; break;
            case "a first number beyond the last": lost.FirstSequence = 10; break;
        }

        UnbookableRecordException refused = Assert.Throws<UnbookableRecordException>(() => BookableRecord.Check(lost));

        Assert.StartsWith("is NUMBERS_LOST", refused.Message, StringComparison.Ordinal);
    }

    private static FeedRecord Feed(SettledClaim record) => new(record.Shard, 0, [], record, null);

    private static Selection Select(RunningLedger ledger, PublishedLog log, params SettledClaim[] records) =>
        Selection.Of([.. records.Select(Feed)], log.Epoch, ledger.Watermarks, FrozenSet.Create(0));

    private static async Task<StoredRecords[]> ListAsync(RunningLedger ledger, int shard, string insuredId) =>
        await ledger.Get<StoredRecordReader>().OfAsync(shard, insuredId, CancellationToken.None).ToArrayAsync();
}
