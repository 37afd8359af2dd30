using Claims.LoadTests.Chaos.Judging;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Peer;
using Npgsql;

namespace Claims.LoadTests.Tests;

/// <summary>The peer is only worth comparing with if it does the same work and gets it right.</summary>
public sealed class PeerTests(RunningPeer running) : IClassFixture<RunningPeer>
{

    [Theory]
    // Facility 3 is a province-level III-A hospital, 1 another hospital, 2 grassroots (facility number modulo 3).
    [InlineData(3, 10_000, 4_000, 2_700)]
    [InlineData(1, 10_000, 4_000, 3_300)]
    [InlineData(2, 10_000, 0, 6_500)]
    [InlineData(1, 2_000, 2_000, 0)]
    [InlineData(2, 100_000, 0, 30_000)]
    public async Task Visit_is_settled_by_the_same_rules(int facility, long totalFen, long deductibleFen, long fundPayFen)
    {
        (long Deductible, long FundPay) answer =
            await SettleAsync($"H{facility}", $"I{(facility * 1_000) + (totalFen / 1_000)}", "R1", totalFen);

        Assert.Equal((deductibleFen, fundPayFen), answer);
    }

    [Fact]
    public async Task Request_that_is_repeated_is_answered_as_before_and_journaled_once()
    {
        (long, long) first = await SettleAsync("H1", "I50", "R1", 10_000);

        Assert.Equal(first, await SettleAsync("H1", "I50", "R1", 10_000));

        Assert.Equal(1L, await CountAsync("SELECT count(*) FROM settlement WHERE insured_id = 'I50'"));
        Assert.Equal(0L, await CountAsync("SELECT coalesce(sum(debit_fen) - sum(credit_fen), 0)::bigint FROM posting"));
    }

    [Fact]
    public async Task Measurement_reports_visits_that_were_settled()
    {
        double perSecond = await running.Peer.MeasureAsync(seconds: 1, CancellationToken.None);

        const string Mine = "WHERE request_id NOT LIKE 'R%'";
        long settled = await CountAsync($"SELECT count(*) FROM settlement {Mine}");
        Assert.True(perSecond > 0 && settled > 0, $"{perSecond}/s, {settled} settled");
        Assert.Equal(2 * settled, await CountAsync($"SELECT count(*) FROM posting JOIN settlement USING (settlement_id) {Mine}"));
        Assert.Equal(0L, await CountAsync("SELECT count(*) FROM insured_year WHERE used_fen > 30000"));
    }

    [Fact]
    public async Task Journal_whose_debits_are_not_its_credits_is_counted_also_where_another_makes_up_for_it()
    {
        // In a schema of its own: the ledger's table has the same name as the peer's.
        await using (NpgsqlCommand books = running.Database.CreateCommand("""
            CREATE SCHEMA books;
            CREATE TABLE books.posting (journal_id bigint, debit_fen bigint, credit_fen bigint);
            INSERT INTO books.posting VALUES (1, 500, 0), (1, 0, 300), (1, 0, 200), (2, 5, 0), (2, 0, 4), (3, 5, 0), (3, 0, 6);
            """)) await books.ExecuteNonQueryAsync();
        await using NpgsqlDataSource ledger = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(running.Peer.Address) { SearchPath = "books" });

        Assert.Equal(2, await RecordingReader.CountJournalsApartAsync(ledger, CancellationToken.None));
    }

    private async Task<(long DeductibleFen, long FundPayFen)> SettleAsync(string facility, string insured, string request, long totalFen)
    {
        await using NpgsqlCommand settle = running.Database.CreateCommand(
            "SELECT deductible_fen, fund_pay_fen FROM settle_visit($1, $2, $3, $4, $5, $5)");
        settle.Parameters.Add(new() { Value = facility });
        settle.Parameters.Add(new() { Value = insured });
        settle.Parameters.Add(new() { Value = request });
        settle.Parameters.Add(new() { Value = DateOnly.ParseExact(Workload.VisitDate, "yyyy-MM-dd") });
        settle.Parameters.Add(new() { Value = totalFen });
        await using NpgsqlDataReader row = await settle.ExecuteReaderAsync();
        Assert.True(await row.ReadAsync());
        return (row.GetInt64(0), row.GetInt64(1));
    }

    private async Task<long> CountAsync(string sql)
    {
        await using NpgsqlCommand command = running.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}

/// <summary>One peer for the class: its server syncs every commit to the disk, as it does when it is measured.</summary>
public sealed class RunningPeer : IAsyncLifetime
{
    public PlPgSqlPeer Peer { get; private set; } = null!;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Peer = await PlPgSqlPeer.StartAsync(CancellationToken.None);
        Database = NpgsqlDataSource.Create(Peer.Address);
    }

    public async Task DisposeAsync()
    {
        await Database.DisposeAsync();
        await Peer.DisposeAsync();
    }
}
