using Claims.Ledger.Funding;
using Claims.V1;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Funding;

/// <summary>The money's way out: every fen owed is paid once, and no account below nothing.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class PaymentTests(LedgerDatabase databases)
{
    private static readonly DateOnly March = new(2025, 3, 1);
    private static readonly DateOnly Today = new(2025, 4, 10);

    [Fact]
    public async Task Run_pays_each_facility_what_is_owed_up_to_the_months_end()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(1_000_000);
        await fund.BookAsync(new PublishedLog(1),
            ("H1", Fund.District, "2025-02-28", 100), ("H1", Fund.District, "2025-03-31", 250), ("H1", Fund.District, "2025-04-01", 7_777),
            ("H2", Fund.District, "2025-03-15", 31), ("H3", Fund.OtherDistrict, "2025-03-15", 5_000));

        PaymentProposal proposal = await fund.ProposeAsync(Fund.District, March);
        Assert.Equal([("H1", 350L), ("H2", 31L)], proposal.Facilities.Select(facility => (facility.FacilityCode, facility.PayFen)));
        Assert.Equal((381L, "1004.resident.410100", true), (proposal.TotalFen, proposal.Account, proposal.Covered));
        Assert.Equal(2, await fund.Ledger.CountAsync("SELECT count(*) FROM voucher"));

        Voucher paid = await fund.PayAsync(Fund.District, March);

        Assert.Equal((381L, "2025-03"), (paid.AmountFen, paid.Period));
        Assert.Equal((-7_777L, 0L, -5_000L),
            (await fund.BalanceFenAsync("2101.resident.410105.H1"), await fund.BalanceFenAsync("2101.resident.410105.H2"),
            await fund.BalanceFenAsync("2101.resident.410102.H3")));
        Assert.Equal(1_000_000 - 381, await fund.BalanceFenAsync("1004.resident.410100"));
        await Assert.ThrowsAsync<FundingRefusedException>(() => fund.PayAsync(Fund.District, March));
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Run_under_the_same_key_answers_the_same_voucher_and_another_request_under_it_is_refused()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(1_000);
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 300));
        VoucherHead head = fund.Head("march", request: "a");
        Voucher first = await fund.Payments.PayAsync(head, "resident", Fund.District, March, CancellationToken.None);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-03-16", 50));

        Voucher again = await fund.Payments.PayAsync(head, "resident", Fund.District, March, CancellationToken.None);

        Assert.Equal((first.VoucherId, 300L, true), (again.VoucherId, again.AmountFen, again.Replayed));
        await Assert.ThrowsAsync<KeyUsedException>(
            () => fund.Payments.PayAsync(head with { Request = "b" }, "resident", Fund.District, March, CancellationToken.None));
        Assert.Equal(700, await fund.BalanceFenAsync("1004.resident.410100"));
    }

    /// <summary>The runs are held until all of them wait, so that they meet on every machine.</summary>
    [Fact]
    public async Task Concurrent_runs_pay_once_under_one_key_and_under_many()
    {
        const int Runs = 6;
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(10_000);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 300), ("H2", Fund.OtherDistrict, "2025-03-15", 40));

        Task<Voucher>[] same = await MeetingAsync(_ => fund.PayAsync(Fund.District, March, "one"));
        Task<Voucher>[] different = await MeetingAsync(i => fund.PayAsync(Fund.OtherDistrict, March, $"many-{i}"));

        Voucher[] vouchers = await Task.WhenAll(same);
        Assert.Single(vouchers.Select(voucher => voucher.VoucherId).Distinct());
        Assert.Single(vouchers, voucher => !voucher.Replayed);
        Assert.Equal(40, (await Assert.Single(different, run => run.IsCompletedSuccessfully)).AmountFen);
        foreach (Task<Voucher> run in different.Where(run => run.IsFaulted))
        {
            Assert.Equal(
                "no facility of 410102 is owed anything for visits up to the end of 2025-03",
                (await Assert.ThrowsAsync<FundingRefusedException>(() => run)).Message);
        }

        Assert.Equal(10_000 - 340, await fund.BalanceFenAsync("1004.resident.410100"));

        async Task<Task<Voucher>[]> MeetingAsync(Func<int, Task<Voucher>> run)
        {
            await using NpgsqlConnection holding = await fund.Ledger.Database.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await holding.BeginTransactionAsync();
            await using (NpgsqlCommand hold = new("LOCK TABLE batch IN SHARE MODE", holding)) await hold.ExecuteNonQueryAsync();
            Task<Voucher>[] runs = [.. Enumerable.Range(0, Runs).Select(i => Task.Run(() => run(i)))];
            await Eventually.HoldsAsync(
                async () => await fund.Ledger.CountAsync("""
                    SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database
                        WHERE datname = current_database())
                    """) == Runs,
                () => "not all runs have begun");
            await transaction.CommitAsync();
            await Task.WhenAll(runs).ContinueWith(_ => { }, TaskScheduler.Default);
            return runs;
        }
    }

    [Fact]
    public async Task Facility_that_owes_is_left_for_a_later_month()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(10_000);
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 300),
            ("H1", Fund.District, "2025-03-16", 20), ("H2", Fund.District, "2025-03-16", 5));
        SettledClaim cancelled = log.Shard(0)[0];
        await fund.PayAsync(Fund.District, March);
        log.AddMirror(cancelled, Kind.Cancellation);
        await fund.BookAsync(log, ("H2", Fund.District, "2025-03-17", 11));

        PaymentProposal proposal = await fund.ProposeAsync(Fund.District, March);
        Assert.Equal([("H1", 20L, 320L, 0L), ("H2", 16L, 5L, 11L)],
            proposal.Facilities.Select(facility => (facility.FacilityCode, facility.OwedFen, facility.PaidFen, facility.PayFen)));
        Assert.Equal(11, (await fund.PayAsync(Fund.District, March)).AmountFen);

        fund.Clock.Today = new(2025, 5, 2);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-04-20", 1_000));
        Assert.Equal(700, (await fund.PayAsync(Fund.District, March.AddMonths(1))).AmountFen);
        Assert.Equal(0, await fund.BalanceFenAsync("2101.resident.410105.H1"));
    }

    [Fact]
    public async Task Run_that_the_account_does_not_cover_pays_no_one()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(299);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 200), ("H2", Fund.District, "2025-03-15", 100));

        Assert.False((await fund.ProposeAsync(Fund.District, March)).Covered);
        FundingRefusedException refused = await Assert.ThrowsAsync<FundingRefusedException>(() => fund.PayAsync(Fund.District, March));

        Assert.Contains("299", refused.Message, StringComparison.Ordinal);
        Assert.Equal(299, await fund.BalanceFenAsync("1004.resident.410100"));
        await fund.FillCityAsync(1);
        Assert.Equal(300, (await fund.PayAsync(Fund.District, March)).AmountFen);
    }

    [Fact]
    public async Task Month_that_has_not_ended_is_not_paid()
    {
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 3, 31));
        await Assert.ThrowsAsync<FundingRefusedException>(() => fund.ProposeAsync(Fund.District, March));
        fund.Clock.Today = new(2025, 4, 1);
        Assert.Empty((await fund.ProposeAsync(Fund.District, March)).Facilities);
    }

    [Fact]
    public async Task County_is_paid_from_its_own_account_and_keeps_at_most_a_twelfth_of_last_years_expense()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(100_000);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.County, "2024-06-01", 12_011), ("H1", Fund.County, "2025-03-31", 500),
            ("H1", Fund.County, "2025-04-01", 70));

        Replenishment need = (await fund.Payments.ProposeReplenishmentsAsync("resident", March, CancellationToken.None))
            .Counties.Single(county => county.County == Fund.County);
        Assert.Equal((0L, 12_511L, 1_000L, 13_511L), (need.BalanceFen, need.PayableFen, need.ReserveFen, need.ProposedFen));

        // Up to today 70 fen more are owed.
        await Assert.ThrowsAsync<FundingRefusedException>(() => TransferAsync(fund, TransferRoute.CityToCounty, Fund.County, 13_582));
        await TransferAsync(fund, TransferRoute.CityToCounty, Fund.County, 13_511);
        Voucher paid = await fund.PayAsync(Fund.County, March);

        Assert.Equal(12_511, paid.AmountFen);
        Assert.Equal(1_000, await fund.BalanceFenAsync("1005.resident.410122"));
        Assert.Equal(100_000 - 13_511, await fund.BalanceFenAsync("1004.resident.410100"));
        await TransferAsync(fund, TransferRoute.CountyToCity, Fund.County, 1_000);
        await TransferAsync(fund, TransferRoute.CityToSpecial, Fund.City, 100);
        Assert.Equal((0L, 100L), (await fund.BalanceFenAsync("1005.resident.410122"), await fund.BalanceFenAsync("1003.resident.410100")));
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Districts_and_zones_have_no_account_of_their_own()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(100);

        await Assert.ThrowsAsync<FundingRefusedException>(() => TransferAsync(fund, TransferRoute.CityToCounty, Fund.District, 1));

        string[] counties = [.. (await fund.Payments.ProposeReplenishmentsAsync("resident", March, CancellationToken.None))
            .Counties.Select(county => county.County)];
        Assert.Equal(["410106", "410122", "410182", "410183", "410184", "410185"], counties);
    }

    [Fact]
    public async Task Payment_is_reversed_once_and_is_then_owed_again()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(1_000);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 300));
        Voucher paid = await fund.PayAsync(Fund.District, March);

        Task<Voucher>[] reversals = [.. Enumerable.Range(0, 4)
            .Select(i => Task.Run(() => fund.Vouchers.ReverseAsync(fund.Head($"r{i}"), paid.VoucherId, CancellationToken.None)))];
        await Task.WhenAll(reversals).ContinueWith(_ => { }, TaskScheduler.Default);

        Voucher reversal = await Assert.Single(reversals, run => run.IsCompletedSuccessfully);
        Assert.Equal((paid.VoucherId, -300L), (reversal.Reverses, reversal.AmountFen));
        Assert.Equal(-300, await fund.BalanceFenAsync("2101.resident.410105.H1"));
        await Assert.ThrowsAsync<FundingRefusedException>(
            () => fund.Vouchers.ReverseAsync(fund.Head(), reversal.VoucherId, CancellationToken.None));
        await Assert.ThrowsAsync<VoucherUnknownException>(() => fund.Vouchers.ReverseAsync(fund.Head(), 999, CancellationToken.None));
        Assert.Equal(300, (await fund.PayAsync(Fund.District, March)).AmountFen);
    }

    [Fact]
    public async Task Plan_warns_at_its_thresholds_and_keeps_its_revisions()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        PublishedLog log = await fund.BookAsync(
            new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 799), ("H1", Fund.District, "2024-12-31", 5_000));
        SetPlanRequest first = new() { County = Fund.District, Year = 2025, PlanFen = 1_000, Revision = 1, Actor = "clerk" };

        Assert.Equal((7_990L, 0), (await SetAsync(first)) is var set ? (set.UsedBasisPoints, set.WarningPercent) : default);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-03-16", 1));
        Assert.Equal(80, (await SetAsync(first)).WarningPercent);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-03-16", 400));
        Assert.Equal(100, (await SetAsync(first)).WarningPercent);
        await Assert.ThrowsAsync<FundingRefusedException>(() => SetAsync(new SetPlanRequest(first) { PlanFen = 999 }));
        await Assert.ThrowsAsync<FundingRefusedException>(() => SetAsync(new SetPlanRequest(first) { Revision = 3 }));
        Assert.Equal((2, 1_300L, 90), (await SetAsync(new SetPlanRequest(first) { Revision = 2, PlanFen = 1_300 })) is var revised ? (
            revised.Revision, revised.PlanFen, revised.WarningPercent) : default);
        Assert.Equal(2, await fund.Ledger.CountAsync("SELECT count(*) FROM plan_revision"));

        Task<Plan> SetAsync(SetPlanRequest request) => fund.Plans.SetAsync("resident", request, RunningLedger.Caller,
            CancellationToken.None);
    }

    private static Task<Voucher> TransferAsync(Fund fund, TransferRoute route, string county, long fen) =>
        fund.Payments.TransferAsync(fund.Head(), route, "resident", county, fen, CancellationToken.None);
}
