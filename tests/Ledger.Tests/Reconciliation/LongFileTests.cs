using Claims.V1;
using static Ledger.Tests.Reconciliation.LineReconciliationTests;

namespace Ledger.Tests.Reconciliation;

/// <summary>Measures the heap, which is the process' own: beside other tests it counts what they hold.</summary>
[Collection(MetricsDatabaseCollection.Name)]
public sealed class LongFileTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Long_file_is_compared_as_it_arrives()
    {
        const int Lines = 20_000;
        PublishedLog log = new(Shards);
        for (int i = 0; i < Lines; i++) Settled(log, 10 + (i % 3));
        await using RunningLedger ledger = await BookedAsync(databases, log);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long most = 0;
        int replies = 0;

        LinesSummary summary = new();
        await foreach (ReconcileLinesReply reply in ledger.LineReconciliation.ReconcileAsync(
            LineReconciliationTests.Facility, Days, File(), CancellationToken.None))
        {
            if (reply.Summary is not null) summary = reply.Summary;
            if (++replies % 20 == 0) Measure();
        }

        Assert.Equal((Lines, Lines, Lines / 100), (summary.Lines, summary.Entries, summary.Differences));
        Assert.True(most < 2_000_000, $"{most:#,##0} bytes");

        // What is held, without what waits to be collected, which depends on the machine.
        void Measure() => most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);

        // The lines exist one at a time.
        async IAsyncEnumerable<FacilityLine> File()
        {
            long number = 0;
            foreach (SettledClaim record in log.Records)
            {
                number++;
                yield return LineOf(record, line =>
                {
                    line.LineNumber = number;
                    if (number % 100 == 0) line.FundPayFen--;
                });
                if (number % 1_000 != 0) continue;
                await Task.Yield();
                Measure();
            }
        }
    }
}
