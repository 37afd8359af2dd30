using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using Claims.LoadTests.Limit;
using Claims.Rules;
using Claims.V1;

namespace Claims.Micro;

/// <summary>The arithmetic of a settlement, and the split of its fee lines.</summary>
public class RulesBenchmarks
{
    private static readonly Terms Terms = SampleTerms.OfEveryFacilityClass().First();
    private static readonly long[] UsedBefore = [1_500, 12_000];
    private readonly long[] _moved = new long[UsedBefore.Length];
    private static readonly DateOnly Day = new(2025, 6, 18);
    private static readonly ImmutableArray<CatalogueTerms> Item =
        [new("B1", ItemClass.ClassB, 1_000, 900_000, new DateOnly(2024, 1, 1), ValidTo: null)];

    private FeeLine[] _lines = [];
    private long _inScopeFen;

    [Params(1, 20, FeeLines.Most)]
    public int Lines { get; set; }

    [GlobalSetup]
    public void Prepare() =>
        _lines = [.. Enumerable.Range(1, Lines)
            .Select(line =>
            new FeeLine { LineId = $"{line}", ItemCode = "B1", UnitPriceMilliFen = 1_000_000, QuantityE4 = 20_000, AmountFen = 2_000 })];

    [Benchmark]
    public Settlement Adjudicate() =>
        Adjudicator.Adjudicate(Terms, 50_000, ++_inScopeFen & 0x7fff, UsedBefore, _moved);

    [Benchmark]
    public FeeParts Split() => FeeLines.Split(_lines, Day, _ => Item).Sum;
}
