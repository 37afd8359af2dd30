using Claims.Ledger.Statements;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Statements;

/// <summary>
/// A statement field by field. H1 moved from one county to another and has visits of two schemes; March 2025 lies between a February and an
/// April that are booked too, and H2 has entries of its own.
/// </summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class StatementContentTests(LedgerDatabase databases) : IAsyncLifetime
{
    private static readonly StatementMonth March = new(new DateOnly(2025, 3, 1));

    private readonly StoppedClock _clock = new(China(2, 10, 9, 0, 0));
    private readonly PublishedLog _log = new(2);
    private RunningLedger _ledger = null!;

    public async Task InitializeAsync()
    {
        _ledger = RunningLedger.Create(await databases.CreateAsync(), clock: _clock);
        await _ledger.OpenAsync(_log);
        Visit(0, ("F-1", "H1", "P-1", "R-1"), ("resident", "410122", "other"), VisitType.Ordinary, China(2, 10, 8, 0, 0),
            (700, 700, 0), 385);
        await _ledger.BookNewAsync(_log);

        _clock.Now = China(3, 1, 0, 0, 0);
        SettledClaim cut = Visit(0, ("S-1", "H1", "P-2", "R-2"), ("resident", "410122", "other"), VisitType.Ordinary,
            China(2, 28, 23, 59, 58), (10_000, 8_500, 4_000), 2_000);
        cut.ReasonCode = "CAP_REACHED";
        (cut.FullSelfPayFen, cut.OverLimitFen, cut.PreSelfPayFen) = (900, 400, 200);
        Visit(1, ("S-2", "H1", "P-3", "R-3"), ("resident", "410105", "grassroots"), VisitType.PrenatalCheck, China(2, 28, 23, 59, 59),
            (900, 800, 0), 520);
        SettledClaim undone = Visit(0, ("S-3", "H1", "P-4", "R-4"), ("employee", "410105", "grassroots"), VisitType.Ordinary,
            China(2, 28, 23, 59, 59), (1_300, 1_200, 200), 650);
        Visit(0, ("X-1", "H2", "P-5", "R-5"), ("resident", "410105", "grassroots"), VisitType.Ordinary, China(2, 28, 23, 0, 0),
            (5_000, 5_000, 0), 3_250);
        await _ledger.BookNewAsync(_log);

        _clock.Now = China(3, 31, 23, 59, 59);
        SettledClaim cancellation = _log.AddMirror(undone, Kind.Cancellation);
        (cancellation.SettlementId, cancellation.RequestId, cancellation.DeductibleFen) = ("S-4", "R-6", -200);
        cancellation.SettledAtUnixMs = China(3, 31, 23, 59, 50).ToUnixTimeMilliseconds();
        SettledClaim allowance = Visit(
            1, ("S-5", "H1", "P-6", "R-7"), ("resident", "410105", "grassroots"), VisitType.DeliveryNatural, China(3, 31, 23, 59, 51),
            (100_500, 100_400, 0), 100_000);
        (allowance.RateBp, allowance.CapUsedAfterFen) = (0, 0);
        await _ledger.BookNewAsync(_log);
        await EnterAsync("2025-03-20", "2101.resident.410122.H1", "4005.resident.410100", 300);
        await EnterAsync("2025-03-31", "5101.resident.410105", "2101.resident.410105.H1", 11);

        _clock.Now = China(4, 1, 0, 0, 0);
        Visit(0, ("A-1", "H1", "P-7", "R-8"), ("resident", "410105", "grassroots"), VisitType.Ordinary, China(3, 31, 23, 59, 59),
            (60, 60, 0), 39);
        await _ledger.BookNewAsync(_log);
        await EnterAsync("2025-04-01", "2101.resident.410105.H1", "4005.resident.410100", 17);
    }

    public async Task DisposeAsync() => await _ledger.DisposeAsync();

    [Fact]
    public async Task Statement_has_the_sums_of_its_month_and_the_movements_of_each_account()
    {
        Statement statement = (await PartsAsync(March))[0].Statement;

        StatementGroup prenatal = new()
        {
            Tier = "grassroots",
            TierLabel = "基层医疗机构",
            VisitType = VisitType.PrenatalCheck,
            Settlements = 1,
            TotalFen = 900,
            FullSelfPayFen = 100,
            InScopeFen = 800,
            FundPayFen = 520,
            SelfPayFen = 380,
        };
        StatementGroup delivery = new()
        {
            Tier = "grassroots",
            TierLabel = "基层医疗机构",
            VisitType = VisitType.DeliveryNatural,
            Settlements = 1,
            TotalFen = 100_500,
            FullSelfPayFen = 100,
            InScopeFen = 100_400,
            FundPayFen = 100_000,
            SelfPayFen = 500,
        };
        StatementGroup undone = new()
        {
            Tier = "grassroots",
            TierLabel = "基层医疗机构",
            VisitType = VisitType.Ordinary,
            Settlements = 1,
            Cancellations = 1,
            CancelledFundPayFen = -650,
        };
        StatementGroup cut = new()
        {
            Tier = "other",
            TierLabel = "省市县其他等级",
            VisitType = VisitType.Ordinary,
            Settlements = 1,
            TotalFen = 10_000,
            FullSelfPayFen = 900,
            OverLimitFen = 400,
            PreSelfPayFen = 200,
            InScopeFen = 8_500,
            DeductibleFen = 4_000,
            CapCutFen = 475,
            CapCutSettlements = 1,
            FundPayFen = 2_000,
            SelfPayFen = 8_000,
        };
        Assert.Equal(
            new Statement
            {
                FacilityCode = "H1",
                Month = "2025-03",
                From = "2025-03-01",
                To = "2025-03-31",
                PreparedAt = "2025-04-01 00:00:00",
                Complete = true,
                Agrees = true,
                Groups = { undone, prenatal, delivery, cut },
                Sum = new()
                {
                    Settlements = 4,
                    Cancellations = 1,
                    TotalFen = 111_400,
                    FullSelfPayFen = 1_100,
                    OverLimitFen = 400,
                    PreSelfPayFen = 200,
                    InScopeFen = 109_700,
                    DeductibleFen = 4_000,
                    CapCutFen = 475,
                    CapCutSettlements = 1,
                    FundPayFen = 102_520,
                    SelfPayFen = 8_880,
                    CancelledFundPayFen = -650,
                },
                Payables =
                {
                    new PayableAccount { AccountCode = "2101.employee.410105.H1", Name = "应付定点机构款—城镇职工—金水区—H1" },
                    new PayableAccount
                    {
                        AccountCode = "2101.resident.410105.H1",
                        Name = "应付定点机构款—城乡居民—金水区—H1",
                        PayableFen = 100_520,
                        OtherFen = 11,
                        ClosingFen = 100_531,
                    },
                    new PayableAccount
                    {
                        AccountCode = "2101.resident.410122.H1",
                        Name = "应付定点机构款—城乡居民—中牟县—H1",
                        OpeningFen = 385,
                        PayableFen = 2_000,
                        PaidFen = 300,
                        ClosingFen = 2_085,
                    },
                },
                PayableSum = new() { OpeningFen = 385, PayableFen = 102_520, OtherFen = 11, PaidFen = 300, ClosingFen = 102_616 },
            },
            statement);
    }

    [Fact]
    public async Task Lines_have_every_field_of_their_entries_in_the_order_of_settlement()
    {
        List<StatementPart> parts = await PartsAsync(March);

        Assert.Equal(2, parts.Count);
        Assert.Equal(
            [
                new StatementLine
                {
                    PostedOn = "2025-03-01",
                    SettledAt = "2025-02-28 23:59:58",
                    Kind = "SETTLEMENT",
                    SettlementId = "S-1",
                    RequestId = "R-2",
                    InsuredId = "P-2",
                    VisitDate = "2025-02-27",
                    Tier = "other",
                    TierLabel = "省市县其他等级",
                    VisitType = VisitType.Ordinary,
                    TotalFen = 10_000,
                    FullSelfPayFen = 900,
                    OverLimitFen = 400,
                    PreSelfPayFen = 200,
                    InScopeFen = 8_500,
                    DeductibleFen = 4_000,
                    CapCutFen = 475,
                    FundPayFen = 2_000,
                    ReasonCode = "CAP_REACHED",
                },
                new StatementLine
                {
                    PostedOn = "2025-03-01",
                    SettledAt = "2025-02-28 23:59:59",
                    Kind = "SETTLEMENT",
                    SettlementId = "S-3",
                    RequestId = "R-4",
                    InsuredId = "P-4",
                    VisitDate = "2025-02-27",
                    Tier = "grassroots",
                    TierLabel = "基层医疗机构",
                    VisitType = VisitType.Ordinary,
                    TotalFen = 1_300,
                    FullSelfPayFen = 100,
                    InScopeFen = 1_200,
                    DeductibleFen = 200,
                    FundPayFen = 650,
                },
                new StatementLine
                {
                    PostedOn = "2025-03-01",
                    SettledAt = "2025-02-28 23:59:59",
                    Kind = "SETTLEMENT",
                    SettlementId = "S-2",
                    RequestId = "R-3",
                    InsuredId = "P-3",
                    VisitDate = "2025-02-27",
                    Tier = "grassroots",
                    TierLabel = "基层医疗机构",
                    VisitType = VisitType.PrenatalCheck,
                    TotalFen = 900,
                    FullSelfPayFen = 100,
                    InScopeFen = 800,
                    FundPayFen = 520,
                },
                new StatementLine
                {
                    PostedOn = "2025-03-31",
                    SettledAt = "2025-03-31 23:59:50",
                    Kind = "CANCELLATION",
                    SettlementId = "S-4",
                    OriginalSettlementId = "S-3",
                    RequestId = "R-6",
                    InsuredId = "P-4",
                    VisitDate = "2025-02-27",
                    Tier = "grassroots",
                    TierLabel = "基层医疗机构",
                    VisitType = VisitType.Ordinary,
                    TotalFen = -1_300,
                    FullSelfPayFen = -100,
                    InScopeFen = -1_200,
                    DeductibleFen = -200,
                    FundPayFen = -650,
                },
                new StatementLine
                {
                    PostedOn = "2025-03-31",
                    SettledAt = "2025-03-31 23:59:51",
                    Kind = "SETTLEMENT",
                    SettlementId = "S-5",
                    RequestId = "R-7",
                    InsuredId = "P-6",
                    VisitDate = "2025-03-30",
                    Tier = "grassroots",
                    TierLabel = "基层医疗机构",
                    VisitType = VisitType.DeliveryNatural,
                    TotalFen = 100_500,
                    FullSelfPayFen = 100,
                    InScopeFen = 100_400,
                    FundPayFen = 100_000,
                },
            ],
            parts[1].Lines.Lines);
        Assert.Equal(parts[0], Assert.Single(await PartsAsync(March, withoutLines: true)));
    }

    [Fact]
    public async Task Month_is_complete_on_the_first_day_of_the_next_and_not_on_its_last()
    {
        Assert.True((await PartsAsync(March))[0].Statement.Complete);
        _clock.Now = China(3, 31, 23, 59, 59);

        Statement last = (await PartsAsync(March))[0].Statement;

        Assert.Equal((false, "2025-03-31 23:59:59"), (last.Complete, last.PreparedAt));
    }

    [Fact]
    public async Task Long_statement_is_sent_500_lines_at_a_time()
    {
        _clock.Now = China(5, 2, 12, 0, 0);
        for (int i = 0; i < 1_000; i++)
            Visit(i % 2, ($"L-{i}", "H3", "P-8", $"R-{100 + i}"), ("resident", "410105", "grassroots"), VisitType.Ordinary,
                China(5, 2, 11, 0, 0), (20, 20, 0), 13);
        await _ledger.BookNewAsync(_log);

        Assert.Equal([0, 500, 500], (await PartsAsync(new StatementMonth(new DateOnly(2025, 5, 1)), "H3")).Select(
            part => part.Lines?.Lines.Count ?? 0));
        Visit(0, ("L-last", "H3", "P-8", "R-last"), ("resident", "410105", "grassroots"), VisitType.Ordinary, China(5, 2, 11, 0, 1),
            (20, 20, 0), 13);
        await _ledger.BookNewAsync(_log);
        List<StatementPart> parts = await PartsAsync(new StatementMonth(new DateOnly(2025, 5, 1)), "H3");
        Assert.Equal([0, 500, 500, 1], parts.Select(part => part.Lines?.Lines.Count ?? 0));
        Assert.Equal("L-last", parts[^1].Lines.Lines[0].SettlementId);
    }

    [Theory]
    [InlineData("2000-01", true)]
    [InlineData("2999-12", true)]
    [InlineData("1999-12", false)]
    [InlineData("3000-01", false)]
    [InlineData("2025-13", false)]
    [InlineData("2025-1", false)]
    [InlineData("2025-01-01", false)]
    public void Month_of_a_statement_is_of_the_third_millennium(string text, bool isOne)
    {
        StatementMonth? month = StatementMonth.Parse(text);

        Assert.Equal(isOne ? text : null, month?.ToString());
        if (text == "2999-12") Assert.Equal(new DateOnly(2999, 12, 31), month!.Value.Last);
    }

    private static DateTimeOffset China(int month, int day, int hour, int minute, int second) =>
        new(2025, month, day, hour, minute, second, TimeSpan.FromHours(8));

    /// <summary>At 55 %, or 65 % at the grassroots; on the day before it is settled.</summary>
    private SettledClaim Visit(
        int shard, (string Settlement, string Facility, string Insured, string Request) ids, (string Scheme, string County, string Tier) at,
        VisitType type,
        DateTimeOffset settledAt, (long Total, long InScope, long Deductible) fen, long fundPayFen) => _log.AddSettlement(shard, record =>
    {
        (record.SettlementId, record.FacilityCode, record.InsuredId, record.RequestId) = ids;
        (record.Scheme, record.FacilityCounty, record.Tier) = at;
        record.InsuredCounty = "410183";
        record.VisitType = type;
        record.SettledAtUnixMs = settledAt.ToUnixTimeMilliseconds();
        record.VisitDate = settledAt.AddDays(-1).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        (record.TotalFen, record.InScopeFen, record.DeductibleFen) = fen;
        (record.FullSelfPayFen, record.FundPayFen, record.CapUsedAfterFen) = (fen.Total - fen.InScope, fundPayFen, fundPayFen);
        record.RateBp = at.Tier == "other" ? 5_500 : 6_500;
    });

    private async Task<List<StatementPart>> PartsAsync(StatementMonth month, string facility = "H1", bool withoutLines = false) =>
        await _ledger.Statements.ReadAsync(facility, month, withoutLines, CancellationToken.None).ToListAsync();

    /// <summary>As any voucher does: a journal of its own batch.</summary>
    private Task EnterAsync(string day, string debit, string credit, long fen) => _ledger.ExecuteAsync($"""
        INSERT INTO account SELECT code, split_part(code, '.', 1), split_part(code, '.', 2), split_part(code, '.', 3),
            nullif(split_part(code, '.', 4), '')
            FROM unnest(ARRAY['{debit}', '{credit}']) AS code ON CONFLICT DO NOTHING;
        WITH batched AS (INSERT INTO batch (posted_at) VALUES ('{day} 09:00+08') RETURNING batch_id),
            entered AS (INSERT INTO journal (batch_id, scheme, posting_date, business_date) SELECT batch_id, 'resident', '{day}', '{day}'
                FROM batched RETURNING journal_id)
        INSERT INTO posting SELECT journal_id, side.* FROM entered, (VALUES ('{debit}', {fen}, 0), ('{credit}', 0, {fen})) AS side (account,
            debit, credit)
        """);
}
