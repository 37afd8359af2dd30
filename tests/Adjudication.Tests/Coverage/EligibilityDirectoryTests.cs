using System.Collections.Concurrent;
using Claims.Adjudication;
using Claims.Adjudication.Coverage;
using Claims.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Coverage;

public sealed class EligibilityDirectoryTests : IAsyncLifetime
{
    private const int People = 300;

    private readonly ConcurrentQueue<LookupRequest> _calls = [];
    private EligibilityDirectory _directory = null!;
    private bool _answersInTheOldWay;

    public Task InitializeAsync() => StartAsync(new AdjudicationSettings());

    public async Task DisposeAsync()
    {
        await _directory.StopAsync(CancellationToken.None);
        _directory.Dispose();
    }

    [Fact]
    public async Task Questions_that_come_together_share_calls_and_each_gets_its_own_answer()
    {
        string[] people = [.. Enumerable.Range(0, People).Select(number => $"P{number:000}")];

        Known[] known = await Task.WhenAll(people.Select(person => _directory.FindAsync("H3", person, []).AsTask()));

        Assert.Equal(people, known.Select(found => found.Insured!.InsuredId));
        Assert.Equal(people, _calls.SelectMany(call => call.InsuredIds).Order(StringComparer.Ordinal));

        // One call a person without gathering; with it one at once and one for each 2 ms in which the 300 were asked.
        Assert.InRange(_calls.Count, 1, People / 4);
    }

    [Fact]
    public async Task Known_person_is_not_asked_for_again()
    {
        await _directory.FindAsync("H3", "P000", []);
        Known again = await _directory.FindAsync("H3", "P000", []);

        Assert.Equal("P000", again.Insured!.InsuredId);
        Assert.Single(_calls);
    }

    [Fact]
    public async Task Known_person_is_asked_for_again_once_the_time_is_over()
    {
        await RestartAsync(new AdjudicationSettings { EligibilityCacheSeconds = 1 });

        // The facility may be asked for again before.
        await Eventually.HoldsAsync(TimeSpan.FromSeconds(20), async () =>
        {
            await _directory.FindAsync("H3", "P000", []);
            return _calls.Count(call => call.InsuredIds.Contains("P000")) > 1;
        });
    }

    [Fact]
    public async Task More_people_than_may_be_held_are_asked_for_again()
    {
        const int Held = 1_000;
        await RestartAsync(new AdjudicationSettings { EligibilityCacheEntries = Held, EligibilityCacheSeconds = 3_600 });
        string[] people = [.. Enumerable.Range(0, 3 * Held).Select(number => $"P{number:0000}")];

        for (int round = 0; round < 2; round++)
        {
            Known[] known = await Task.WhenAll(people.Select(person => _directory.FindAsync("H3", person, []).AsTask()));
            Assert.Equal(people, known.Select(found => found.Insured!.InsuredId));
        }

        Assert.InRange(_calls.Sum(call => call.InsuredIds.Count), (2 * people.Length) - Held, 2 * people.Length);
    }

    [Fact]
    public async Task Item_that_is_held_and_one_that_is_not_are_both_found()
    {
        await _directory.FindAsync("H3", "P000", ["A1"]);
        Known known = await _directory.FindAsync("H3", "P000", ["A1", "NONE", "B1"]);

        Assert.Equal(["A1", "B1"], known.Items.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("P000", "H3"), (known.Insured!.InsuredId, known.Facility!.Code));
        Assert.Equal(["NONE", "B1"], _calls.Last().ItemCodes);
    }

    [Fact]
    public async Task Eligibility_that_answers_in_an_older_way_makes_nobody_unknown()
    {
        _answersInTheOldWay = true;
        EligibilityUnavailableException refused =
            await Assert.ThrowsAsync<EligibilityUnavailableException>(() => _directory.FindAsync("H3", "P000", []).AsTask());
        Assert.Contains("updated first", refused.InnerException!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Question_that_is_asked_while_the_service_stops_is_refused()
    {
        await _directory.StopAsync(CancellationToken.None);
        await Assert.ThrowsAsync<EligibilityUnavailableException>(() => _directory.FindAsync("H3", "P000", []).AsTask());
    }

    private Task StartAsync(AdjudicationSettings settings)
    {
        _directory = new EligibilityDirectory(
            new Eligibility.EligibilityClient(new NoCalls()), LookupAsync, settings, TimeProvider.System,
            NullLogger<EligibilityDirectory>.Instance);
        return _directory.StartAsync(CancellationToken.None);
    }

    private async Task RestartAsync(AdjudicationSettings settings)
    {
        await DisposeAsync();
        await StartAsync(settings);
    }

    private Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
    {
        _calls.Enqueue(request);
        LookupReply reply = new() { Version = 1 };
        reply.Facilities.AddRange(request.FacilityCodes.Select(
            code => new Facility { FacilityCode = code, County = "410102", AdminLevel = AdminLevel.City, Grade = "三级" }));
        if (_answersInTheOldWay) reply.Insured.AddRange(request.InsuredIds.Select(insured => new Insured { InsuredId = insured }));
        else reply.Enrolled.AddRange(request.InsuredIds.Index().Select(insured => new Enrolled { Position = insured.Index }));
        reply.Items.AddRange(request.ItemCodes.Where(code => code != "NONE")
            .Select(code => new CatalogueItem { ItemCode = code, ItemClass = ItemClass.ClassA, ValidFrom = "2024-01-01" }));
        return Task.FromResult(reply);
    }
}
