using System.Globalization;
using Claims.Cli;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Posting;
using Claims.LoadTests.Registry;

namespace Claims.LoadTests;

/// <summary>What every round of a bench came to, and the medians and ratios of it. What was not measured is absent.</summary>
public sealed class BenchResults
{
    /// <summary>People in the system.</summary>
    public required int Insured { get; init; }

    public List<SettleRound> Settle { get; } = [];

    public List<double> UnaryPerSecond { get; } = [];

    public List<LatencyHistogram> Latencies { get; } = [];

    /// <summary>With mutual TLS and a certificate for each hospital.</summary>
    public List<double> TlsUnaryPerSecond { get; } = [];

    /// <summary>Likewise.</summary>
    public List<LatencyHistogram> TlsLatencies { get; } = [];

    /// <summary>How late a thread of this process woke while latencies were measured: what the machine adds to each.</summary>
    public List<LatencyHistogram> Late { get; } = [];

    /// <summary>Over all rounds together.</summary>
    public double? StolenPercent { get; set; }

    public List<double> RedisLimitPerSecond { get; } = [];

    public List<double> PeerPerSecond { get; } = [];

    public List<PostingRound> Posting { get; } = [];

    /// <summary>Of the registry; null where it was not measured.</summary>
    public ImportFigures? Import { get; set; }

    /// <summary>What an insured-year with three settlements takes of Redis' memory.</summary>
    public double? StoreBytesPerInsuredYear { get; set; }

    /// <summary>By process, over the whole run.</summary>
    public Dictionary<string, long> PeakResidentBytes { get; } = [];

    private double? SettlePerSecond => MedianOf(Settle.Select(round => round.SettlePerSecond));

    private IEnumerable<double> PostingRates => Posting.Select(round => round.PerSecond);

    private double? EndToEndPerSecond => MedianOf(Settle.Select(round => round.EndToEndPerSecond));

    public void WriteJson() => Output.WriteJson(Figures());

    internal object Figures() => new
    {
        SettlePerSecond = Rounded(SettlePerSecond),
        UnaryPerSecond = Rounded(MedianOf(UnaryPerSecond)),
        TlsUnaryPerSecond = Rounded(MedianOf(TlsUnaryPerSecond)),
        TlsP50Ms = PercentileMs(TlsLatencies, 50),
        TlsP99Ms = PercentileMs(TlsLatencies, 99),
        EndToEndPerSecond = Rounded(EndToEndPerSecond),
        PostingPerSecond = Rounded(MedianOf(PostingRates)),
        RedisLimitPerSecond = Rounded(MedianOf(RedisLimitPerSecond)),
        PeerPerSecond = Rounded(MedianOf(PeerPerSecond)),
        P50Ms = PercentileMs(Latencies, 50),
        P99Ms = PercentileMs(Latencies, 99),
        P999Ms = PercentileMs(Latencies, 99.9),
        MachineP99Ms = PercentileMs(Late, 99),
        MachineP999Ms = PercentileMs(Late, 99.9),
        StolenPercent = Rounded(StolenPercent, 1),
        Insured,
        StoreBytesPerInsuredYear = Rounded(StoreBytesPerInsuredYear),
        ImportMillionSeconds = Rounded(Import?.Seconds, 1),
        ImportSameMillionSeconds = Rounded(Import?.AgainSeconds, 1),
        LookupMicrosecondsPerInsured = Rounded(Import?.LookupMicroseconds, 1),
        BatchSize = Rounded(MedianOf(Settle.Select(round => round.BatchSize)), 1),
        AllocatedBytesPerSettlement = Rounded(MedianOf(Settle.Select(round => round.AllocatedBytes))),
        CpuMicrosecondsPerSettlement = CpuMicroseconds([.. Settle.Select(round => round.CpuMicroseconds)]),
        PostingCpuMicrosecondsPerSettlement = CpuMicroseconds([.. Posting.Select(round => round.CpuMicroseconds)]),
        PeakResidentBytes,
        Ratios = Ratios().ToDictionary(ratio => ratio.Name, ratio => Rounded(ratio.Value, 2)),
        Rounds = new
        {
            SettlePerSecond = Settle.Select(round => Rounded(round.SettlePerSecond)),
            EndToEndPerSecond = Settle.Select(round => Rounded(round.EndToEndPerSecond)),
            AllocatedBytesPerSettlement = Settle.Select(round => Rounded(round.AllocatedBytes)),
            UnaryPerSecond = UnaryPerSecond.Select(rate => Rounded(rate)),
            TlsUnaryPerSecond = TlsUnaryPerSecond.Select(rate => Rounded(rate)),
            TlsP99Ms = TlsLatencies.Select(round => PercentileMs([round], 99)),
            PostingPerSecond = PostingRates.Select(rate => Rounded(rate)),
            RedisLimitPerSecond = RedisLimitPerSecond.Select(rate => Rounded(rate)),
            PeerPerSecond = PeerPerSecond.Select(rate => Rounded(rate)),
            P50Ms = Latencies.Select(round => PercentileMs([round], 50)),
            P99Ms = Latencies.Select(round => PercentileMs([round], 99)),
            P999Ms = Latencies.Select(round => PercentileMs([round], 99.9)),
        },
    };

    public void Print()
    {
        Output.Table(["measurement", ">median", ">least", ">most"], Rows().Select(row => new[]
        {
            row.Name, Text(Median.Of(row.Rounds), row.Digits), Text(row.Rounds.Min(), row.Digits), Text(row.Rounds.Max(), row.Digits),
        }));
        if (Ratios().ToArray() is { Length: > 0 } ratios)
            Output.Table(["ratio", ">of medians"], ratios.Select(ratio => new[] { ratio.Name, Text(ratio.Value, 2) }));
        Dictionary<string, double?> settling = CpuMicroseconds([.. Settle.Select(round => round.CpuMicroseconds)]);
        Dictionary<string, double?> posting = CpuMicroseconds([.. Posting.Select(round => round.CpuMicroseconds)]);
        string[] processes = [.. settling.Keys.Union(posting.Keys).Union(PeakResidentBytes.Keys)];
        if (processes.Length == 0) return;
        Output.Table(["process", ">CPU µs per settlement", ">of posting alone", ">peak resident MB"], processes.Select(process => new[]
        {
            process,
            settling.TryGetValue(process, out double? cpu) ? Text(cpu ?? 0, 1) : "",
            posting.TryGetValue(process, out double? postingCpu) ? Text(postingCpu ?? 0, 1) : "",
            PeakResidentBytes.TryGetValue(process, out long bytes) ? Text(bytes / 1e6, 0) : "",
        }));
    }

    internal IEnumerable<(string Name, double[] Rounds, int Digits)> Rows() => new (string Name, double[] Rounds, int Digits)[]
    {
        ("settled and acknowledged, streams, /s", [.. Settle.Select(round => round.SettlePerSecond)], 0),
        ("settled and in the books, /s", [.. Settle.Select(round => round.EndToEndPerSecond)], 0),
        ("visits in a call of the script", [.. Settle.Select(round => round.BatchSize)], 1),
        ("bytes allocated per settlement", [.. Settle.Select(round => round.AllocatedBytes)], 0),
        ("settled and acknowledged, single calls, /s", [.. UnaryPerSecond], 0),
        ("the same with mutual TLS and identity, /s", [.. TlsUnaryPerSecond], 0),
        ("posted by the ledger alone, /s", [.. PostingRates], 0),
        ("limit: the script alone, /s", [.. RedisLimitPerSecond], 0),
        ("peer: one PL/pgSQL function, /s", [.. PeerPerSecond], 0),
        ("p50 at 1 000/s, ms", [.. Latencies.Select(rounds => rounds.Percentile(50).TotalMilliseconds)], 2),
        ("p99 at 1 000/s, ms", [.. Latencies.Select(rounds => rounds.Percentile(99).TotalMilliseconds)], 2),
        ("p50 at 1 000/s with mutual TLS, ms", [.. TlsLatencies.Select(rounds => rounds.Percentile(50).TotalMilliseconds)], 2),
        ("p99 at 1 000/s with mutual TLS, ms", [.. TlsLatencies.Select(rounds => rounds.Percentile(99).TotalMilliseconds)], 2),
        ("p99.9 at 1 000/s, ms", [.. Latencies.Select(rounds => rounds.Percentile(99.9).TotalMilliseconds)], 2),
        ("p99 that a thread wakes late meanwhile, ms", [.. Late.Select(rounds => rounds.Percentile(99).TotalMilliseconds)], 2),
        ("p99.9 that a thread wakes late meanwhile, ms", [.. Late.Select(rounds => rounds.Percentile(99.9).TotalMilliseconds)], 2),
        ("processor time stolen by other machines, %", [.. OneOf(StolenPercent)], 1),
        ("bytes of Redis' memory, insured-year of three settlements", [.. OneOf(StoreBytesPerInsuredYear)], 0),
        ("a million insured imported, s", [.. OneOf(Import?.Seconds)], 1),
        ("the same file again, s", [.. OneOf(Import?.AgainSeconds)], 1),
        ("look-up of one insured of a million, five hundred at a time, µs", [.. OneOf(Import?.LookupMicroseconds)], 1),
    }.Where(row => row.Rounds.Length > 0);

    private static IEnumerable<double> OneOf(double? measured) => measured is { } some ? [some] : [];

    private IEnumerable<(string Name, double Value)> Ratios()
    {
        double? peer = MedianOf(PeerPerSecond);
        return new (string Name, double? Over, double? Under)[]
        {
            ("tlsUnaryToUnary", MedianOf(TlsUnaryPerSecond), MedianOf(UnaryPerSecond)),
            ("settleToPeer", SettlePerSecond, peer),
            ("settleToRedisLimit", SettlePerSecond, MedianOf(RedisLimitPerSecond)),
            ("endToEndToPeer", EndToEndPerSecond, peer),
            ("postingToPeer", MedianOf(PostingRates), peer),
        }.Where(ratio => ratio.Over is not null && ratio.Under is not null)
            .Select(ratio => (ratio.Name, ratio.Over!.Value / ratio.Under!.Value));
    }

    private static Dictionary<string, double?> CpuMicroseconds(IReadOnlyDictionary<string, double>[] rounds) => rounds.Length == 0
        ? []
        : rounds[0].Keys.ToDictionary(process => process, process => Rounded(Median.Of(rounds.Select(round => round[process])), 1));

    private static double? PercentileMs(List<LatencyHistogram> rounds, double percent) =>
        Rounded(MedianOf(rounds.Select(round => round.Percentile(percent).TotalMilliseconds)), 2);

    private static double? MedianOf(IEnumerable<double> rounds) => rounds.ToArray() is { Length: > 0 } some ? Median.Of(some) : null;

    private static double? Rounded(double? value, int digits = 0) => value is { } some ? Math.Round(some, digits) : null;

    private static string Text(double value, int digits) =>
        value.ToString(digits == 0 ? "#,##0" : digits == 1 ? "#,##0.0" : "#,##0.00", CultureInfo.InvariantCulture);
}
