using System.Text.RegularExpressions;
using Claims.Kafka;

namespace Ledger.Tests;

[Collection(MetricsDatabaseCollection.Name)]
public sealed class LedgerMetricsTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Metrics_count_what_was_posted()
    {
        using EmbeddedBroker broker = EmbeddedBroker.Start(ClaimsTopic.Name, partitions: 4);
        await using ServedLedger served = await ServedLedger.StartAsync(databases.Server.ConnectionString("metrics"), broker);
        using HttpClient http = new();
        await served.PublishUntilBookedAsync(new PublishedLog(shards: 4).AddSettlements(10));

        // A batch is counted once it is committed; its watermark may be seen a moment earlier.
        string metrics = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                metrics = await http.GetStringAsync(new Uri(served.Metrics, "/metrics"));
                return Regex.IsMatch(metrics, """claims_ledger_posted_total\{[^}]*kind="SETTLEMENT"[^}]*\} 40\n""", RegexOptions.None, RunningLedger.Deadline);
            },
            () => metrics);
        Assert.Contains("claims_ledger_batch_duration_seconds_count", metrics, StringComparison.Ordinal);
    }
}
