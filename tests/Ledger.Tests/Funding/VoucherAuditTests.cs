using Claims.V1;

namespace Ledger.Tests.Funding;

/// <summary>Vouchers are bound by the chain like every other row of their batch.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class VoucherAuditTests(LedgerDatabase databases)
{
    [Theory]
    [InlineData("UPDATE voucher SET memo = 'x' WHERE voucher_id = 2", "voucher 2 CHANGED")]
    [InlineData("UPDATE assessed_head SET heads = heads + 1, source = source WHERE voucher_id = 1 AND account_code LIKE '1102%'",
        "assessed_head 1/1102.resident.410105/ CHANGED")]
    [InlineData("DELETE FROM assessed_head WHERE voucher_id = 1 AND account_code LIKE '1105%'",
        "assessed_head 1/1105.resident.410105/ REMOVED")]
    [InlineData("UPDATE posting SET debit_fen = debit_fen * 2, credit_fen = credit_fen * 2 WHERE journal_id = (SELECT journal_id FROM "
        + "voucher WHERE voucher_id = 2)", "posting 2/1003.resident.410100 CHANGED")]
    public async Task Voucher_that_was_changed_by_hand_is_named(string statement, string named)
    {
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 3, 10));
        fund.Heads.Paid[(Fund.District, 2024)] = 10;
        await fund.Income.AssessAsync(fund.Head(), AssessmentKind.Subsidy, "resident", Fund.District, 2024, CancellationToken.None);
        await fund.FillCityAsync(100);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-01", 30));
        await using Audit audit = new(fund.Postgres);
        await audit.ChainAllAsync();
        Assert.All((await audit.VerifyAsync()).Checks, check => Assert.True(check.Holds, check.ToString()));

        await audit.TamperAsync(statement);

        Assert.Equal(named, await audit.FirstBadRowAsync());
    }
}
