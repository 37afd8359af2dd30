using System.Collections.Frozen;
using System.Globalization;
using Claims.Ledger.Posting;
using Claims.Ledger.Statements;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Statements;

/// <summary>The facility is H1; the month stated is 2025-03, between a February and an April that are booked too.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class StatementTests(LedgerDatabase databases) : IAsyncLifetime
{
    private const string Facility = "H1";
    private const string Payable = "2101.resident.410102.H1";
    private const int Shards = 3;

    private static readonly StatementMonth February = new(new DateOnly(2025, 2, 1));
    private static readonly StatementMonth March = new(new DateOnly(2025, 3, 1));
    private static readonly StatementMonth April = new(new DateOnly(2025, 4, 1));
    private static readonly DateTimeOffset LastSecondOfMarch = new(2025, 3, 31, 23, 59, 59, TimeSpan.FromHours(8));

    private readonly StoppedClock _clock = new(new DateTimeOffset(2025, 2, 10, 10, 0, 0, TimeSpan.FromHours(8)));
    private readonly PublishedLog _log = new(Shards);
    private string _postgres = "";

    public async Task InitializeAsync() => _postgres = await databases.CreateAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Month_is_the_fold_of_its_entries_and_of_its_account_to_the_fen()
    {
        Random random = new(7);
        AddVisits(random, 60);
        long february = Net(await BookAsync());
        _clock.Now = new DateTimeOffset(2025, 3, 1, 0, 0, 0, TimeSpan.FromHours(8));
        AddVisits(random, 120);
        SettledClaim[] march = await BookAsync();
        _clock.Now = LastSecondOfMarch;
        AddVisits(random, 20);
        march = [.. march, .. await BookAsync()];
        await PayAsync("2025-03-20", february);
        await PayAsync("2025-04-02", 1_234);
        _clock.Now = LastSecondOfMarch.AddSeconds(1);
        AddVisits(random, 30);
        SettledClaim[] april = await BookAsync();

        (Statement statement, List<StatementLine> lines) = await ReadAsync(March);

        SettledClaim[] own = [.. march.Where(record => record.FacilityCode == Facility)];
        Assert.Equal(
            own.GroupBy(record => (record.Tier, record.VisitType)).OrderBy(group => group.Key.Tier, StringComparer.Ordinal)
                .ThenBy(group => group.Key.VisitType)
                .Select(group => Fold(group.Key.Tier, group.Key.VisitType, [.. group])),
            statement.Groups);
        Assert.Equal(Fold("", VisitType.Unspecified, own), statement.Sum);
        Assert.True(statement.Sum.CapCutFen > 0 && statement.Sum.Cancellations > 0 && statement.Groups.Count > 3);
        Assert.Equal(own.Select(record => record.SettlementId).Order(StringComparer.Ordinal),
            lines.Select(line => line.SettlementId).Order(StringComparer.Ordinal));
        Assert.Equal(statement.Sum.FundPayFen, lines.Sum(line => line.FundPayFen));
        Assert.Equal(statement.Sum.CapCutFen, lines.Sum(line => line.CapCutFen));

        PayableAccount account = Assert.Single(statement.Payables);
        Assert.Equal(Payable, account.AccountCode);
        Assert.Equal("应付定点机构款—城乡居民—中原区—H1", account.Name);
        Assert.Equal((february, Net(march), 0, february, Net(march)),
            (account.OpeningFen, account.PayableFen, account.OtherFen, account.PaidFen, account.ClosingFen));
        Assert.True(statement.Agrees);
        Assert.True(statement.Complete);

        Statement next = (await ReadAsync(April)).Statement;
        Assert.Equal(account.ClosingFen, next.PayableSum.OpeningFen);
        Assert.Equal((Net(april), 1_234), (next.PayableSum.PayableFen, next.PayableSum.PaidFen));
        Assert.False(next.Complete);
        await using RunningLedger ledger = RunningLedger.Create(_postgres);
        Assert.Equal(-next.PayableSum.ClosingFen,
            (await ledger.TrialBalanceAsync()).Accounts.Single(one => one.Code == Payable).BalanceFen);
        Assert.Equal(0, (await ReadAsync(February)).Statement.PayableSum.OpeningFen);
    }

    [Fact]
    public async Task Settlement_of_the_old_month_that_is_posted_in_the_new_one_is_on_the_new_ones_statement()
    {
        _clock.Now = LastSecondOfMarch.AddSeconds(2);
        SettledClaim late = _log.AddSettlement(0, record =>
        {
            record.FacilityCode = Facility;
            record.VisitDate = "2025-03-31";
            record.SettledAtUnixMs = LastSecondOfMarch.ToUnixTimeMilliseconds();
        });
        await BookAsync();

        Assert.Empty((await ReadAsync(March)).Lines);
        StatementLine line = Assert.Single((await ReadAsync(April)).Lines);
        Assert.Equal((late.SettlementId, "2025-04-01", "2025-03-31 23:59:59"), (line.SettlementId, line.PostedOn, line.SettledAt));
    }

    [Fact]
    public async Task Facility_without_entries_in_the_month_has_an_empty_statement_that_agrees()
    {
        _clock.Now = LastSecondOfMarch.AddSeconds(2);
        _log.AddSettlement(0, record =>
        {
            record.FacilityCode = Facility;
            (record.InScopeFen, record.TotalFen, record.FullSelfPayFen, record.FundPayFen, record.CapUsedAfterFen) = (10, 10, 0, 0, 0);
        });
        await BookAsync();

        (Statement statement, List<StatementLine> lines) = await ReadAsync(March);

        Assert.Empty(lines);
        Assert.Empty(statement.Groups);
        Assert.All(statement.Payables, account => Assert.Equal(0, account.ClosingFen));
        Assert.Equal((0, 0, true), (statement.Sum.FundPayFen, statement.PayableSum.ClosingFen, statement.Agrees));
    }

    [Fact]
    public async Task Facility_of_which_nothing_was_ever_booked_is_unknown_by_name()
    {
        _log.AddSettlement(0, record => record.FacilityCode = "H2");
        await BookAsync();

        UnknownFacilityException unknown = await Assert.ThrowsAsync<UnknownFacilityException>(() => ReadAsync(March));

        Assert.Contains("no facility H1", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entry_that_was_changed_by_hand_does_not_agree_with_the_general_ledger()
    {
        _clock.Now = LastSecondOfMarch;
        AddVisits(new Random(3), 10);
        await BookAsync();
        Assert.True((await ReadAsync(March)).Statement.Agrees);

        await ExecuteAsync("ALTER TABLE sub_ledger DISABLE TRIGGER append_only; UPDATE sub_ledger SET fund_pay_fen = fund_pay_fen + 1 "
            + "WHERE facility_code = 'H1' AND kind = 'SETTLEMENT'");

        Assert.False((await ReadAsync(March)).Statement.Agrees);
    }

    /// <summary>Of H1 and H2, of every tier and type, some cut by the cap, some cancelled, some restored.</summary>
    private void AddVisits(Random random, int count)
    {
        for (int i = 0; i < count; i++)
        {
            SettledClaim record = _log.AddSettlement(random.Next(Shards), visit =>
            {
                visit.FacilityCode = random.Next(4) == 0 ? "H2" : Facility;
                visit.FacilityCounty = "410102";
                visit.Tier = random.Next(2) == 0 ? "grassroots" : "other";
                visit.VisitType = (VisitType)random.Next(1, 4);
                visit.VisitDate = "2025-02-01";
                visit.SettledAtUnixMs = _clock.Now.AddMinutes(-1).ToUnixTimeMilliseconds();
                visit.DeductibleFen = Math.Min(visit.InScopeFen, 4_000);
                visit.RateBp = visit.Tier == "other" ? 5_500 : 6_500;
                long uncut = (((visit.InScopeFen - visit.DeductibleFen) * visit.RateBp) + 5_000) / 10_000;
                visit.FundPayFen = random.Next(3) == 0 ? uncut / 2 : uncut;
                if (visit.VisitType == VisitType.DeliveryNatural)
                    (visit.DeductibleFen, visit.RateBp, visit.FundPayFen) = (0, 0, visit.TotalFen);
                visit.CapUsedAfterFen = visit.VisitType == VisitType.DeliveryNatural ? 0 : visit.FundPayFen;
                visit.CapFen = Math.Max(visit.CapUsedAfterFen, 1);
            });
            if (random.Next(5) > 0) continue;
            Mirrored(record, Kind.Cancellation);
            if (random.Next(3) == 0) Mirrored(record, Kind.Restoration);
        }

        void Mirrored(SettledClaim record, Kind kind) =>
            _log.AddMirror(record, kind).DeductibleFen = (kind == Kind.Cancellation ? -1 : 1) * record.DeductibleFen;
    }

    private static StatementGroup Fold(string tier, VisitType type, SettledClaim[] records) => new()
    {
        Tier = tier,
        TierLabel = tier switch { "other" => "省市县其他等级", "grassroots" => "基层医疗机构", _ => tier },
        VisitType = type,
        Settlements = records.Count(record => record.Kind != Kind.Cancellation),
        Cancellations = records.Count(record => record.Kind == Kind.Cancellation),
        TotalFen = records.Sum(record => record.TotalFen),
        FullSelfPayFen = records.Sum(record => record.FullSelfPayFen),
        OverLimitFen = records.Sum(record => record.OverLimitFen),
        PreSelfPayFen = records.Sum(record => record.PreSelfPayFen),
        InScopeFen = records.Sum(record => record.InScopeFen),
        DeductibleFen = records.Sum(record => record.DeductibleFen),
        CapCutFen = records.Sum(CapCutFen),
        CapCutSettlements = records.Sum(record => Math.Sign(CapCutFen(record))),
        FundPayFen = records.Sum(record => record.FundPayFen),
        SelfPayFen = records.Sum(record => record.TotalFen - record.FundPayFen),
        CancelledFundPayFen = records.Where(record => record.Kind == Kind.Cancellation).Sum(record => record.FundPayFen),
    };

    private static long CapCutFen(SettledClaim record)
    {
        if (record.VisitType == VisitType.DeliveryNatural) return 0;
        int sign = record.Kind == Kind.Cancellation ? -1 : 1;
        return sign * ((((sign * (record.InScopeFen - record.DeductibleFen) * record.RateBp) + 5_000) / 10_000) - (
            sign * record.FundPayFen));
    }

    private static long Net(IEnumerable<SettledClaim> records) =>
        records.Where(record => record.FacilityCode == Facility).Sum(record => record.FundPayFen);

    /// <summary>Books what the log has more than before, at the clock's time.</summary>
    private async Task<SettledClaim[]> BookAsync()
    {
        await using RunningLedger ledger = RunningLedger.Create(_postgres, clock: _clock);
        await ledger.OpenAsync(_log);
        SettledClaim[] news = [.. _log.Records.Where(record => record.Sequence > ledger.Watermarks.Sequence(record.Shard))];
        FeedRecord[] records = [.. news.Select(record => new FeedRecord(record.Shard, record.Sequence, [], record, null))];
        Selection selection = Selection.Of(records, _log.Epoch, ledger.Watermarks, Enumerable.Range(0, Shards).ToFrozenSet());
        Assert.Equal(news.Length, selection.Records.Count);
        await ledger.Books.PostAsync(selection, CancellationToken.None);
        return news;
    }

    private async Task PayAsync(string day, long fen)
    {
        await ExecuteAsync("""
            INSERT INTO account VALUES ('1005.resident.410102', '1005', 'resident', '410102', NULL), ('4005.resident.410102', '4005',
                'resident', '410102', NULL)
            ON CONFLICT DO NOTHING
            """);
        await EnterAsync(day, "1005.resident.410102", "4005.resident.410102", fen);
        await EnterAsync(day, Payable, "1005.resident.410102", fen);
    }

    /// <summary>As any voucher does: a journal of its own batch.</summary>
    private Task EnterAsync(string day, string debit, string credit, long fen) => ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
        WITH batched AS (INSERT INTO batch (posted_at) VALUES ('{day} 09:00+08') RETURNING batch_id),
            entered AS (INSERT INTO journal (batch_id, scheme, posting_date, business_date) SELECT batch_id, 'resident', '{day}', '{day}'
                FROM batched RETURNING journal_id)
        INSERT INTO posting SELECT journal_id, side.* FROM entered, (VALUES ('{debit}', {fen}, 0), ('{credit}', 0, {fen})) AS side (account,
            debit, credit)
        """));

    private async Task<(Statement Statement, List<StatementLine> Lines)> ReadAsync(StatementMonth month)
    {
        await using RunningLedger ledger = RunningLedger.Create(_postgres, clock: _clock);
        List<StatementLine> lines = [];
        Statement? statement = null;
        await foreach (StatementPart part in ledger.Statements.ReadAsync(Facility, month, withoutLines: false, CancellationToken.None))
        {
            statement ??= part.Statement;
            if (part.Lines is { } more) lines.AddRange(more.Lines);
        }

        return (statement!, lines);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_postgres);
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
