using Adjudication.Tests.Settling;
using Claims.Adjudication.Settling;
using System.Diagnostics.Metrics;
using Adjudication.Tests.Api;
using Claims.Adjudication.Coverage;

namespace Adjudication.Tests.Coverage;

/// <summary>Counts of the whole process: while these tests run no others do.</summary>
[CollectionDefinition(nameof(CountsOfTheProcess), DisableParallelization = true)]
public sealed class CountsOfTheProcess;

[Collection(nameof(CountsOfTheProcess))]
public sealed class LookupCountsTests
{
    [Fact]
    public async Task Look_ups_are_counted_by_kind_and_by_whether_they_were_held()
    {
        using EligibilityDirectory directory =
            await DeskFixture.StartDirectoryAsync((request, _) => Task.FromResult(DeskFixture.Lookup(request)));
        Dictionary<string, long> before = Read();

        await directory.FindAsync(DeskFixture.Hospital, "P1", ["A1", "B1", "C1"]);
        await directory.FindAsync(DeskFixture.Hospital, "P1", ["A1", "NONE"]);
        await directory.FindAsync(DeskFixture.Hospital, "P2", ["A1"]);
        Dictionary<string, long> after = Read();
        await directory.StopAsync(CancellationToken.None);

        Assert.Equal(
            ["facility no 1", "facility yes 2", "insured no 2", "insured yes 1", "item no 4", "item yes 2"],
            after.Select(count => $"{count.Key} {count.Value - before.GetValueOrDefault(count.Key)}").Order(StringComparer.Ordinal));
    }

    private static Dictionary<string, long> Read()
    {
        Dictionary<string, long> counts = new(StringComparer.Ordinal);
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Name == "claims_eligibility_lookups") to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counts[$"{tags[0].Value} {tags[1].Value}"] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return counts;
    }
}
