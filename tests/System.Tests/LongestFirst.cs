using Claims.SystemTests.OtherMakes;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("Claims.SystemTests.LongestFirst", "System.Tests")]

namespace Claims.SystemTests;

/// <summary>Two classes run at a time. The longest come first: one of them left over at the end ran a minute with a processor idle
/// beside it.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    // 168 to 56 s, in that order. All others take 32 s at most.
    private static readonly string[] Longest =
    [
        nameof(OperatorTests), nameof(DocumentedCommandsTests), nameof(BackupTests), nameof(CrashTests), nameof(ConformanceTests),
        nameof(SeveralInstancesTests), nameof(OtherMakesTests), nameof(VectorTests),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections
        .OrderBy(collection => Array.FindIndex(
            Longest, name => collection.DisplayName.EndsWith($".{name}", StringComparison.Ordinal)) is var place && place >= 0
            ? place
            : Longest.Length)
        .ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);
}
