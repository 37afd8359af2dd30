using Claims.Ledger.Closing;
using Claims.V1;
using Npgsql;

namespace Ledger.Tests.Funding;

/// <summary>A month of entries that is closed takes nothing any more, and its balances stand.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ClosedMonthTests(LedgerDatabase databases)
{
    private static readonly DateOnly March = new(2025, 3, 1);
    private static readonly DateOnly LastOfMarch = new(2025, 3, 31);

    [Fact]
    public async Task Month_is_closed_once_it_has_ended_and_its_visits_go_on_being_booked()
    {
        await using Fund fund = await Fund.OpenAsync(databases, LastOfMarch);
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-20", 100));
        Assert.Equal(
            "the month 2025-03 has not ended: today is 2025-03-31 in China Standard Time",
            (await Assert.ThrowsAsync<MonthStaysOpenException>(() => CloseAsync(fund, March))).Message);

        fund.Clock.Today = new(2025, 4, 1);
        Assert.Equal(March, await CloseAsync(fund, March));
        Assert.Equal(March, await CloseAsync(fund, March));
        Assert.Equal(March, await CloseAsync(fund, March.AddMonths(-5)));
        await fund.BookAsync(log, ("H1", Fund.District, "2025-03-21", 20));

        Assert.Equal(1, await fund.Ledger.CountAsync(
            "SELECT count(*) FROM journal WHERE posting_date = '2025-04-01' AND business_date = '2025-03-21'"));
        Assert.Equal(120, await DebitAsync(fund, "5101", "5102", LastOfMarch, DateKind.ByBusiness));
        Assert.Equal(100, await DebitAsync(fund, "5101", "5102", LastOfMarch, DateKind.ByPosting));
        Assert.Equal(
            ["2101.resident.410105.H1 0 100", "5102.resident.410105 100 0"],
            await fund.Ledger.RowsAsync("SELECT concat_ws(' ', account_code, debit_fen, credit_fen) FROM closed_month_balance WHERE "
                + "closed_through = '2025-03-01' ORDER BY 1"));
        Assert.Equal(
            ["2025-03-01 2025-04-01 04:00:00"],
            await fund.Ledger.RowsAsync("SELECT concat_ws(' ', closed_through, closed_at AT TIME ZONE 'UTC') FROM closed_month"));
    }

    [Fact]
    public async Task Clock_that_stands_in_a_closed_month_posts_on_the_first_open_day()
    {
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 4, 2));
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-20", 100));
        await CloseAsync(fund, March);
        fund.Clock.Today = LastOfMarch;

        await fund.BookAsync(log, ("H1", Fund.District, "2025-03-21", 20));
        await fund.FillCityAsync(5);

        Assert.Equal(0, await fund.Ledger.CountAsync("SELECT count(*) FROM journal WHERE posting_date < '2025-04-01'"));
        Assert.Equal(3, await fund.Ledger.CountAsync("SELECT count(*) FROM journal WHERE posting_date = '2025-04-01'"));
    }

    [Fact]
    public async Task Earlier_month_with_entries_is_closed_first()
    {
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 2, 3));
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-01-20", 100));
        fund.Clock.Today = new(2025, 5, 3);
        await fund.BookAsync(log, ("H1", Fund.District, "2025-01-21", 30));

        MonthStaysOpenException refused = await Assert.ThrowsAsync<MonthStaysOpenException>(() => CloseAsync(fund, March));
        Assert.Equal("the month 2025-02 has entries and is open; it is closed first", refused.Message);
        await CloseAsync(fund, new(2025, 2, 1));
        Assert.Equal(new DateOnly(2025, 4, 1), await CloseAsync(fund, new(2025, 4, 1)));
    }

    [Theory]
    [InlineData("INSERT INTO journal (batch_id, scheme, posting_date, business_date) VALUES (1, 'resident', '2025-03-31', '2025-04-01')",
        "month_is_open")]
    [InlineData("INSERT INTO posting VALUES (1, '5101.resident.410105', 1, 0), (1, '2101.resident.410105.H2', 0, 1)", "month_is_open")]
    [InlineData("INSERT INTO closed_month VALUES ('2025-02-01', now())", "months_close_in_order")]
    [InlineData("INSERT INTO closed_month VALUES ('2025-05-01', '2025-05-31 23:59:59+08')", "closed_month_check")]
    [InlineData("INSERT INTO closed_month VALUES ('2025-04-02', now())", "closed_month_closed_through_check")]
    public async Task Books_refuse_what_would_change_a_closed_month_whoever_asks(string statement, string constraint)
    {
        await using Fund fund = await Fund.OpenAsync(databases, LastOfMarch);
        await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-20", 100));
        fund.Clock.Today = new(2025, 4, 1);
        await CloseAsync(fund, March);
        await fund.ExecuteAsync("INSERT INTO account VALUES ('2101.resident.410105.H2', '2101', 'resident', '410105', 'H2'), "
            + "('5101.resident.410105', '5101', 'resident', '410105', NULL)");

        Assert.Equal(constraint, (await fund.RefusedAsync(statement)).ConstraintName);
    }

    [Fact]
    public async Task Closing_waits_for_the_posting_that_is_under_way_and_the_next_posting_for_the_closing()
    {
        await using Fund fund = await Fund.OpenAsync(databases, LastOfMarch);
        PublishedLog log = await fund.BookAsync(new PublishedLog(1), ("H1", Fund.District, "2025-03-20", 100));
        await using NpgsqlConnection connection = await fund.Ledger.Database.OpenConnectionAsync();
        await using NpgsqlTransaction posting = await connection.BeginTransactionAsync();
        await using (NpgsqlCommand insert =
            new("INSERT INTO journal (batch_id, scheme, posting_date, business_date) VALUES (1, 'resident', '2025-03-31', '2025-03-31')",
            connection)) await insert.ExecuteNonQueryAsync();
        fund.Clock.Today = new(2025, 4, 1);

        Task<DateOnly> closing = CloseAsync(fund, March);
        await WaitingAsync(fund, 1);
        fund.Clock.Today = LastOfMarch;
        Task late = fund.BookAsync(log, ("H1", Fund.District, "2025-03-21", 7));
        await WaitingAsync(fund, 2);
        Assert.False(closing.IsCompleted);
        await posting.CommitAsync();

        Assert.Equal(March, await closing);
        await late;
        Assert.Equal(1, await fund.Ledger.CountAsync("SELECT count(*) FROM journal WHERE posting_date = '2025-04-01'"));
        Assert.Equal(100, await fund.Ledger.CountAsync("SELECT sum(debit_fen)::bigint FROM closed_month_balance"));
    }

    [Fact]
    public async Task Voucher_of_a_closed_year_is_refused()
    {
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 1, 3));
        await fund.Ledger.ClosedYears.CloseAsync(2024, RunningLedger.Caller, CancellationToken.None);

        await Assert.ThrowsAsync<Claims.Ledger.Funding.FundingRefusedException>(() => fund.Income.ReceiveAsync(
            fund.Head(businessDate: new(2024, 12, 31)), IncomeKind.IncomeOther, "resident", Fund.City, Payer.Unspecified, 1,
            CancellationToken.None));

        Assert.Equal(0, await fund.Ledger.CountAsync("SELECT count(*) FROM voucher"));
    }

    private static Task<DateOnly> CloseAsync(Fund fund, DateOnly month) =>
        fund.Months.CloseAsync(month, RunningLedger.Caller, CancellationToken.None);

    private static async Task<long> DebitAsync(Fund fund, string firstKind, string lastKind, DateOnly on, DateKind by) =>
        (await fund.Balances.OnAsync(on, by, CancellationToken.None)).Accounts
            .Where(account => string.CompareOrdinal(account.Code[..4], firstKind) >= 0
                && string.CompareOrdinal(account.Code[..4], lastKind) <= 0).Sum(account => account.DebitFen);

    private static Task WaitingAsync(Fund fund, long sessions) => Eventually.HoldsAsync(
        () =>
            fund.Ledger.Database.CreateCommand(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = "
            + "current_database())").ExecuteScalar() is long waiting && waiting >= sessions,
        () => $"{sessions} sessions do not wait for a lock");
}
