using Claims.Ledger.Audit;
using Npgsql;

namespace Ledger.Tests;

/// <summary>What an audit asks for stays within reach when the books have grown: no row is looked at once for every other row.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class AuditPlanTests(LedgerDatabase databases)
{
    [Fact]
    public async Task FirstWithoutBatch_asks_nothing_anew_for_each_row_of_the_sub_ledger()
    {
        ChainedTable subLedger = ChainedTable.All.Single(table => table.Name == "sub_ledger");

        Assert.DoesNotContain("SubPlan", await PlanOfAsync(subLedger.FirstWithoutBatch), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("journal")]
    [InlineData("posting")]
    public async Task RowsOf_some_batches_finds_their_journals_by_an_index(string name)
    {
        ChainedTable table = ChainedTable.All.Single(table => table.Name == name);

        Assert.Contains("journal_batch", await PlanOfAsync(table.RowsOf([1, 2, 3], ChainLink.CurrentFormat)), StringComparison.Ordinal);
    }

    /// <summary>As for large tables: an empty one would always be read through.</summary>
    private async Task<string> PlanOfAsync(string query)
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(await databases.CreateAsync());
        await using NpgsqlConnection connection = await database.OpenConnectionAsync();
        await using (NpgsqlCommand large =
            new("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off",
            connection)) await large.ExecuteNonQueryAsync();
        await using NpgsqlCommand explain = new($"EXPLAIN {query}", connection);
        List<string> lines = [];
        await using NpgsqlDataReader line = await explain.ExecuteReaderAsync();
        while (await line.ReadAsync()) lines.Add(line.GetString(0));
        return string.Join('\n', lines);
    }
}
