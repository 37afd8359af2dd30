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

    public Task InitializeAsync()
    {
        _directory = new EligibilityDirectory(
            new Eligibility.EligibilityClient(new NoCalls()), LookupAsync, new AdjudicationSettings(), TimeProvider.System, NullLogger<EligibilityDirectory>.Instance);
        return _directory.StartAsync(CancellationToken.None);
    }

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

        // One call a person without gathering; with it one at once and one for each 5 ms in which the 300 were asked.
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

    private Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
    {
        _calls.Enqueue(request);
        LookupReply reply = new() { Version = 1 };
        reply.Facilities.AddRange(request.FacilityCodes.Select(code => new Facility { FacilityCode = code, County = "410102", AdminLevel = AdminLevel.City, Grade = "三级" }));
        reply.Insured.AddRange(request.InsuredIds.Select(insured => new Insured { InsuredId = insured }));
        return Task.FromResult(reply);
    }
}
