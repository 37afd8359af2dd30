using Claims.Ledger.Funding;
using Claims.V1;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Funding;

/// <summary>What a facility owes the fund under one county is withheld under another: once, and within its scheme.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class WithheldDebtTests(LedgerDatabase databases)
{
    private const string ThirdDistrict = "410103";

    private static readonly DateOnly March = new(2025, 3, 1);
    private static readonly DateOnly Today = new(2025, 4, 10);

    [Fact]
    public async Task Debt_under_the_old_county_is_withheld_until_it_is_gone_and_not_beyond()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(10_000);
        PublishedLog log = await PaidAndCancelledAsync(fund);
        await fund.BookAsync(log, ("H1", Fund.OtherDistrict, "2025-03-20", 50), ("H2", Fund.OtherDistrict, "2025-03-20", 7));

        PaymentProposal proposal = await fund.ProposeAsync(Fund.OtherDistrict, March);
        Assert.Equal(
            [
                new FacilityPayment
                {
                    FacilityCode = "H1",
                    OwedFen = 50,
                    WithheldFen = 50,
                    Withheld = { new WithheldDebt { County = Fund.District, Fen = 50 } },
                },
                new FacilityPayment { FacilityCode = "H2", OwedFen = 7, PayFen = 7 },
            ],
            proposal.Facilities);
        Assert.Equal((7L, 50L), (proposal.TotalFen, proposal.WithheldFen));
        Voucher paid = await fund.PayAsync(Fund.OtherDistrict, March);
        Assert.Equal(
            [("1004.resident.410100", 0L, 7L), ("2101.resident.410102.H1", 50, 0), ("2101.resident.410102.H2", 7, 0),
                ("2101.resident.410105.H1", 0, 50)],
            paid.Postings.Select(posting => (posting.Account, posting.DebitFen, posting.CreditFen)));
        Assert.Equal((38L, 0L), await OldAndNewAsync(fund));

        // The rest of the debt, then none: neither is withheld twice.
        await fund.BookAsync(log, ("H1", Fund.OtherDistrict, "2025-03-21", 100));
        await PaysAsync(Fund.OtherDistrict, withheldFen: 38, payFen: 62);
        Assert.Equal((0L, 0L), await OldAndNewAsync(fund));
        await fund.BookAsync(log, ("H1", Fund.OtherDistrict, "2025-03-22", 10), ("H1", Fund.District, "2025-03-23", 5));
        await PaysAsync(Fund.OtherDistrict, withheldFen: 0, payFen: 10);
        await PaysAsync(Fund.District, withheldFen: 0, payFen: 5);

        Assert.Equal((0L, 0L), await OldAndNewAsync(fund));
        Assert.Equal(10_000 - (100 + 7 + 62 + 10 + 5), await fund.BalanceFenAsync("1004.resident.410100"));
        await fund.AssertBalancedAsync();

        async Task PaysAsync(string county, long withheldFen, long payFen)
        {
            FacilityPayment facility = Assert.Single((await fund.ProposeAsync(county, March)).Facilities);
            Assert.Equal((withheldFen, payFen), (facility.WithheldFen, facility.PayFen));
            Assert.Equal(withheldFen + payFen, (await fund.PayAsync(county, March)).AmountFen);
        }
    }

    [Fact]
    public async Task Run_that_only_withholds_is_entered_and_once_reversed_the_debt_stands_again()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(100);
        PublishedLog log = await PaidAndCancelledAsync(fund);
        await fund.BookAsync(log, ("H1", Fund.OtherDistrict, "2025-03-20", 50));

        Voucher withheld = await fund.PayAsync(Fund.OtherDistrict, March);
        Assert.Equal(["2101.resident.410102.H1", "2101.resident.410105.H1"], withheld.Postings.Select(posting => posting.Account));
        Assert.Equal(0, await fund.BalanceFenAsync("1004.resident.410100"));
        Assert.Equal((38L, 0L), await OldAndNewAsync(fund));
        await Assert.ThrowsAsync<FundingRefusedException>(() => fund.PayAsync(Fund.OtherDistrict, March));

        await fund.Vouchers.ReverseAsync(fund.Head(), withheld.VoucherId, CancellationToken.None);
        Assert.Equal((88L, -50L), await OldAndNewAsync(fund));
        Assert.Equal(50, Assert.Single((await fund.ProposeAsync(Fund.OtherDistrict, March)).Facilities).WithheldFen);
        await fund.AssertBalancedAsync();
    }

    [Fact]
    public async Task Debts_under_several_counties_are_withheld_in_turn_and_smaller_by_what_is_owed_there_since()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(1_000);
        PublishedLog log = await fund.BookAsync(
            new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 88), ("H1", ThirdDistrict, "2025-03-15", 30));
        SettledClaim[] cancelled = [.. log.Records];
        foreach (string county in new[] { Fund.District, ThirdDistrict }) await fund.PayAsync(county, March);
        foreach (SettledClaim claim in cancelled) log.AddMirror(claim, Kind.Cancellation);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-04-02", 60), ("H1", Fund.OtherDistrict, "2025-03-20", 100));

        FacilityPayment facility = Assert.Single((await fund.ProposeAsync(Fund.OtherDistrict, March)).Facilities);

        Assert.Equal([new WithheldDebt { County = ThirdDistrict, Fen = 30 }, new WithheldDebt { County = Fund.District, Fen = 28 }],
            facility.Withheld);
        Assert.Equal(42, facility.PayFen);
    }

    [Fact]
    public async Task Debt_of_one_scheme_is_not_that_of_another()
    {
        await using Fund fund = await Fund.OpenAsync(databases, Today);
        await fund.FillCityAsync(1_000);
        await fund.FillCityAsync(1_000, "employee");
        PublishedLog log = await PaidAndCancelledAsync(fund);
        await fund.BookAsync(log, "employee", ("H1", Fund.OtherDistrict, "2025-03-20", 50));

        FacilityPayment facility = Assert.Single((await fund.ProposeAsync(Fund.OtherDistrict, March, "employee")).Facilities);
        Assert.Equal((0L, 50L), (facility.WithheldFen, facility.PayFen));
        await fund.PayAsync(Fund.OtherDistrict, March, scheme: "employee");

        Assert.Equal(950, await fund.BalanceFenAsync("1004.employee.410100"));
        Assert.Equal(88, await fund.BalanceFenAsync("2101.resident.410105.H1"));
    }

    /// <summary>H1 of the first district has been paid 100, of which a visit of 88 was cancelled afterwards.</summary>
    private static async Task<PublishedLog> PaidAndCancelledAsync(Fund fund)
    {
        PublishedLog log = await fund.BookAsync(
            new PublishedLog(1), ("H1", Fund.District, "2025-03-15", 88), ("H1", Fund.District, "2025-03-16", 12));
        SettledClaim cancelled = log.Shard(0)[0];
        await fund.PayAsync(Fund.District, March);
        log.AddMirror(cancelled, Kind.Cancellation);
        await fund.BookAgainAsync(log);
        Assert.Equal(88, await fund.BalanceFenAsync("2101.resident.410105.H1"));
        return log;
    }

    private static async Task<(long OldFen, long NewFen)> OldAndNewAsync(Fund fund) =>
        (await fund.BalanceFenAsync("2101.resident.410105.H1"), await fund.BalanceFenAsync("2101.resident.410102.H1"));
}
