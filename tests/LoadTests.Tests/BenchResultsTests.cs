using System.Text.Json;
using Claims.Cli;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Posting;
using Claims.LoadTests.Registry;

namespace Claims.LoadTests.Tests;

public sealed class BenchResultsTests
{
    [Fact]
    public void Ratio_is_that_of_the_medians_and_the_right_way_up()
    {
        JsonElement ratios = JsonOf(Measured()).GetProperty("ratios");

        Assert.Equal(
            [
                ("tlsUnaryToUnary", 0.5), ("settleToPeer", 2), ("settleToRedisLimit", 0.25), ("endToEndToPeer", 1.5),
                ("postingToPeer", 3),
            ],
            ratios.EnumerateObject().Select(ratio => (ratio.Name, ratio.Value.GetDouble())));
    }

    [Fact]
    public void Figure_of_a_program_is_the_median_of_its_own_rounds()
    {
        JsonElement json = JsonOf(Measured());

        Assert.Equal(
            [
                ("settlePerSecond", 4_000), ("unaryPerSecond", 800), ("tlsUnaryPerSecond", 400), ("endToEndPerSecond", 3_000),
                ("postingPerSecond", 6_000), ("redisLimitPerSecond", 16_000), ("peerPerSecond", 2_000), ("batchSize", 32),
                ("allocatedBytesPerSettlement", 900), ("storeBytesPerInsuredYear", 700), ("insured", 5), ("stolenPercent", 1.5),
                ("importMillionSeconds", 30), ("importSameMillionSeconds", 10), ("lookupMicrosecondsPerInsured", 4),
            ],
            new[]
            {
                "settlePerSecond", "unaryPerSecond", "tlsUnaryPerSecond", "endToEndPerSecond", "postingPerSecond", "redisLimitPerSecond",
                "peerPerSecond", "batchSize", "allocatedBytesPerSettlement", "storeBytesPerInsuredYear", "insured", "stolenPercent",
                "importMillionSeconds", "importSameMillionSeconds", "lookupMicrosecondsPerInsured",
            }.Select(name => (name, json.GetProperty(name).GetDouble())));
        Assert.Equal(7, json.GetProperty("cpuMicrosecondsPerSettlement").GetProperty("redis").GetDouble());
        Assert.Equal(9, json.GetProperty("postingCpuMicrosecondsPerSettlement").GetProperty("ledger").GetDouble());
        Assert.Equal(
            [(1, "p50Ms"), (99, "p99Ms"), (100, "p999Ms"), (5, "tlsP50Ms"), (6, "tlsP99Ms"), (2, "machineP99Ms"), (2, "machineP999Ms")],
            new[] { "p50Ms", "p99Ms", "p999Ms", "tlsP50Ms", "tlsP99Ms", "machineP99Ms", "machineP999Ms" }
                .Select(name => ((int)Math.Round(json.GetProperty(name).GetDouble()), name)));
    }

    [Fact]
    public void What_was_not_measured_is_absent_and_no_zero()
    {
        BenchResults only = new() { Insured = 5 };
        only.PeerPerSecond.Add(2_000);

        Assert.Equal(JsonValueKind.Null, JsonOf(only).GetProperty("settlePerSecond").ValueKind);
        Assert.Empty(JsonOf(only).GetProperty("ratios").EnumerateObject());
        Assert.Equal(["peer: one PL/pgSQL function, /s"], only.Rows().Select(row => row.Name));
    }

    [Fact]
    public void Row_of_the_table_has_the_rounds_of_its_own_measurement()
    {
        Dictionary<string, double> medians = Measured().Rows().ToDictionary(row => row.Name, row => Math.Round(Median.Of(row.Rounds), 1));

        Assert.Equal(
            new Dictionary<string, double>
            {
                ["settled and acknowledged, streams, /s"] = 4_000,
                ["settled and in the books, /s"] = 3_000,
                ["settled and acknowledged, single calls, /s"] = 800,
                ["the same with mutual TLS and identity, /s"] = 400,
                ["posted by the ledger alone, /s"] = 6_000,
                ["limit: the script alone, /s"] = 16_000,
                ["peer: one PL/pgSQL function, /s"] = 2_000,
            },
            medians.Where(row => row.Key.EndsWith("/s", StringComparison.Ordinal)).ToDictionary());
    }

    private static JsonElement JsonOf(BenchResults results) => JsonDocument.Parse(Output.Json(results.Figures())).RootElement;

    /// <summary>Three rounds each, of which the middle one is the median and the mean is another.</summary>
    private static BenchResults Measured()
    {
        BenchResults results = new()
        {
            Insured = 5,
            StolenPercent = 1.5,
            StoreBytesPerInsuredYear = 700,
            Import = new ImportFigures(30, 10, 4),
        };
        foreach (double share in new[] { 1, 0.1, 1.2 })
        {
            results.Settle.Add(
                new SettleRound(4_000 * share, 3_000 * share, 32, 900, new Dictionary<string, double> { ["redis"] = 7 }));
            results.UnaryPerSecond.Add(800 * share);
            results.TlsUnaryPerSecond.Add(400 * share);
            results.RedisLimitPerSecond.Add(16_000 * share);
            results.PeerPerSecond.Add(2_000 * share);
            results.Posting.Add(new PostingRound(6_000 * share, new Dictionary<string, double> { ["ledger"] = 9 }));
        }

        results.Latencies.Add(Latencies((970, 1), (25, 99), (5, 100)));
        results.TlsLatencies.Add(Latencies((90, 5), (10, 6)));
        results.Late.Add(Latencies((1, 2)));
        return results;
    }

    private static LatencyHistogram Latencies(params (int Times, int Milliseconds)[] answers)
    {
        LatencyHistogram latencies = new();
        foreach ((int times, int milliseconds) in answers)
        {
            for (int time = 0; time < times; time++) latencies.Record(TimeSpan.FromMilliseconds(milliseconds));
        }

        return latencies;
    }
}
