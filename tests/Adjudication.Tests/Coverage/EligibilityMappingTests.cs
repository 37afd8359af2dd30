using System.Collections.Concurrent;
using System.Threading.Channels;
using Claims.Adjudication;
using Claims.Adjudication.Coverage;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Coverage;

/// <summary>What becomes of Eligibility's words, and how long they are held.</summary>
public sealed class EligibilityMappingTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly ConcurrentQueue<LookupRequest> _calls = [];
    private readonly Channel<EligibilityVersion> _first = Channel.CreateUnbounded<EligibilityVersion>();
    private readonly Channel<EligibilityVersion> _second = Channel.CreateUnbounded<EligibilityVersion>();
    private readonly Notices<EligibilityVersion> _notices;
    private readonly EligibilityDirectory _directory;
    private Func<LookupRequest, CancellationToken, Task<LookupReply>> _lookup = (request, _) =>
        Task.FromResult(Everything(request, version: 0));

    public EligibilityMappingTests()
    {
        _notices = new Notices<EligibilityVersion>(_first, _second);
        _directory = new EligibilityDirectory(new Eligibility.EligibilityClient(_notices), LookupAsync, new AdjudicationSettings(),
            new Hurried(), NullLogger<EligibilityDirectory>.Instance);
    }

    public Task InitializeAsync() => _directory.StartAsync(CancellationToken.None);

    public async Task DisposeAsync()
    {
        await _directory.StopAsync(CancellationToken.None);
        _directory.Dispose();
    }

    [Fact]
    public async Task Facility_is_known_with_county_tier_and_agreement()
    {
        _lookup = (_, _) => Task.FromResult(new LookupReply
        {
            Facilities =
            {
                new Facility
                {
                    FacilityCode = "H1",
                    Name = "n",
                    County = "410102",
                    AdminLevel = AdminLevel.Province,
                    Grade = "3A",
                    Kind = "k",
                    PooledFrom = "2024-01-02",
                    PooledTo = "2025-03-04",
                },
                new Facility { FacilityCode = "H2", County = "410122", AdminLevel = AdminLevel.Village, Grade = "none" },
            },
        });

        Known[] known = await Task.WhenAll(_directory.FindAsync("H1", "P1", []).AsTask(), _directory.FindAsync("H2", "P1", []).AsTask(),
            _directory.FindAsync("H9", "P1", []).AsTask());

        Assert.Equal(new FacilityTerms("H1", "410102", "province", "3A", new DateOnly(2024, 1, 2), new DateOnly(2025, 3, 4)),
            Assert.Single(known[0].Facility!.Periods));
        Assert.Equal(new FacilityTerms("H2", "410122", "village", "none", null, null), Assert.Single(known[1].Facility!.Periods));
        Assert.Null(known[2].Facility);
    }

    [Fact]
    public async Task Facility_with_a_history_is_known_with_every_period_and_suspension()
    {
        _lookup = (_, _) => Task.FromResult(new LookupReply
        {
            Facilities =
            {
                new Facility
                {
                    FacilityCode = "H1",
                    County = "410122",
                    AdminLevel = AdminLevel.Province,
                    Grade = "3A",
                    Periods =
                    {
                        new FacilityPeriod
                        {
                            ValidTo = "2025-06-30",
                            County = "410105",
                            AdminLevel = AdminLevel.Township,
                            Grade = "1A",
                            PooledFrom = "2024-01-02",
                            PooledTo = "2025-03-04",
                        },
                        new FacilityPeriod { ValidFrom = "2025-07-01", County = "410122", AdminLevel = AdminLevel.Province, Grade = "3A" },
                    },
                    Suspensions =
                    {
                        new Claims.V1.Suspension { SuspendedFrom = "2025-01-01", ResumedFrom = "2025-02-01" },
                        new Claims.V1.Suspension { SuspendedFrom = "2025-08-01" },
                    },
                },
            },
        });

        FacilityHistory known = (await _directory.FindAsync("H1", "P1", [])).Facility!;

        Assert.Equal<FacilityTerms>(
            [
                new FacilityTerms("H1", "410105", "township", "1A", new DateOnly(2024, 1, 2), new DateOnly(2025, 3, 4), null,
                    new DateOnly(2025, 6, 30)),
                new FacilityTerms("H1", "410122", "province", "3A", null, null, new DateOnly(2025, 7, 1)),
            ],
            known.Periods);
        Assert.Equal<Claims.Rules.Suspension>(
            [new(new DateOnly(2025, 1, 1), new DateOnly(2025, 2, 1)), new(new DateOnly(2025, 8, 1), null)], known.Suspensions);
    }

    [Fact]
    public async Task Insured_is_known_with_every_enrolment_and_by_place_in_the_question()
    {
        _lookup = async (request, _) =>
        {
            await Task.Yield();
            LookupReply reply = new();
            // The last first, and who is not enrolled at all is absent.
            foreach ((int position, string insured) in request.InsuredIds.Index().Reverse().Where(insured => insured.Item != "P9"))
            {
                reply.Enrolled.Add(new Enrolled
                {
                    Position = position,
                    Enrolments =
                    {
                        new Enrolment
                        {
                            PlanYear = 2024,
                            County = $"4101{insured[1..]}",
                            Paid = true,
                            WaitingFrom = 20240301,
                            CoveredFrom = 20240331,
                            CoveredTo = 20241230,
                        },
                        new Enrolment
                        {
                            PlanYear = 2025,
                            Scheme = "employee",
                            County = "410183",
                            BeginsOn = 20250203,
                            EndedOn = 20250405,
                            EndCause = "death",
                        },
                    },
                });
            }

            return reply;
        };

        Known[] known = await Task.WhenAll(
            ((string[])["P05", "P22", "P9"]).Select(insured => _directory.FindAsync("H1", insured, []).AsTask()));

        foreach ((string insured, string county, Known found) in (ReadOnlySpan<(string, string, Known)>)[
            ("P05", "410105", known[0]), ("P22", "410122", known[1])])
        {
            Assert.Equal(insured, found.Insured!.InsuredId);
            Assert.Equal<EnrolmentTerms>(
                [
                    new EnrolmentTerms(2024, "resident", county, true, new DateOnly(2024, 3, 1), new DateOnly(2024, 3, 31),
                        new DateOnly(2024, 12, 30)),
                    new EnrolmentTerms(2025, "employee", "410183", false, DateOnly.MaxValue, DateOnly.MaxValue, DateOnly.MinValue,
                        BeginsOn: new DateOnly(2025, 2, 3), EndedOn: new DateOnly(2025, 4, 5), EndCause: "death"),
                ],
                found.Insured.Enrolments);
        }

        Assert.Null(known[2].Insured);
    }

    [Fact]
    public async Task Item_is_known_with_every_period()
    {
        _lookup = (_, _) => Task.FromResult(new LookupReply
        {
            Items =
            {
                new CatalogueItem
                {
                    ItemCode = "B1",
                    ItemClass = ItemClass.ClassB,
                    FirstSelfPayBp = 1_000,
                    PriceLimitMilliFen = 5_000,
                    ValidFrom = "2023-01-01",
                    ValidTo = "2024-06-30",
                },
                new CatalogueItem { ItemCode = "C1", ItemClass = ItemClass.ClassC, ValidFrom = "2024-01-01" },
                new CatalogueItem { ItemCode = "B1", ItemClass = ItemClass.ClassA, PriceLimitMilliFen = 0, ValidFrom = "2024-07-01" },
            },
        });

        Known known = await _directory.FindAsync("H1", "P1", ["B1", "C1", "NONE"]);

        Assert.Equal(["B1", "C1"], known.Items.Keys.Order(StringComparer.Ordinal));
        Assert.Equal<CatalogueTerms>(
            [
                new CatalogueTerms("B1", ItemClass.ClassB, 1_000, 5_000, new DateOnly(2023, 1, 1), new DateOnly(2024, 6, 30)),
                new CatalogueTerms("B1", ItemClass.ClassA, 0, 0, new DateOnly(2024, 7, 1), null),
            ],
            known.Items["B1"]);
        Assert.Equal<CatalogueTerms>([new CatalogueTerms("C1", ItemClass.ClassC, 0, null, new DateOnly(2024, 1, 1), null)],
            known.Items["C1"]);
    }

    [Fact]
    public async Task Question_names_what_is_not_held_and_asks_for_enrolments()
    {
        await FindAllAsync();
        await FindAllAsync();
        await _directory.FindAsync("H2", "P1", ["A1"]);
        await _directory.FindAsync("H1", "P2", ["A1", "C1"]);

        Assert.Equal(
            [
                new LookupRequest { FacilityCodes = { "H1" }, InsuredIds = { "P1" }, ItemCodes = { "A1", "B1" }, Enrolled = true },
                new LookupRequest { FacilityCodes = { "H2" }, Enrolled = true },
                new LookupRequest { InsuredIds = { "P2" }, ItemCodes = { "C1" }, Enrolled = true },
            ],
            _calls);
    }

    [Fact]
    public async Task What_is_unknown_is_asked_again_each_time()
    {
        _lookup = (_, _) => Task.FromResult(new LookupReply());

        for (int round = 0; round < 2; round++)
        {
            Known known = await _directory.FindAsync("H1", "P1", ["A1"]);
            Assert.Equal((null, null, 0), (known.Facility, known.Insured, known.Items.Count));
        }

        Assert.Equal(Enumerable.Repeat(
            new LookupRequest { FacilityCodes = { "H1" }, InsuredIds = { "P1" }, ItemCodes = { "A1" }, Enrolled = true }, 2), _calls);
    }

    [Fact]
    public async Task Notice_of_a_change_lets_go_of_facilities_insured_and_items()
    {
        await FindAllAsync();
        await NoticeAsync(_first, 3);
        _lookup = (request, _) => Task.FromResult(Everything(request, version: 3));
        await FindAllAsync();
        await FindAllAsync();

        Assert.Equal(Enumerable.Repeat(
            new LookupRequest { FacilityCodes = { "H1" }, InsuredIds = { "P1" }, ItemCodes = { "A1", "B1" }, Enrolled = true }, 2), _calls);
    }

    [Fact]
    public async Task Notice_of_the_version_that_is_held_lets_go_of_nothing()
    {
        await NoticeAsync(_first, 3);
        _lookup = (request, _) => Task.FromResult(Everything(request, version: 3));
        await FindAllAsync();

        // The notices break off; the next subscription begins with the version that is in force.
        _first.Writer.Complete();
        await NoticeAsync(_second, 3);
        await FindAllAsync();
        Assert.Single(_calls);

        await NoticeAsync(_second, 4);
        await FindAllAsync();
        Assert.Equal(2, _calls.Count);
    }

    [Theory]
    [InlineData(4, 2)]
    [InlineData(5, 1)]
    [InlineData(6, 1)]
    public async Task Answer_that_a_change_has_overtaken_is_used_once_and_not_held(long readAt, int calls)
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _lookup = async (request, _) =>
        {
            asked.TrySetResult();
            await open.Task;
            return Everything(request, readAt);
        };

        Task<Known> first = FindAllAsync();
        await asked.Task.WaitAsync(Bound);
        await NoticeAsync(_first, 5);
        open.SetResult();
        Known known = await first.WaitAsync(Bound);
        await FindAllAsync();

        Assert.Equal(("H1", "P1", 2), (known.Facility!.Code, known.Insured!.InsuredId, known.Items.Count));
        Assert.Equal(Enumerable.Repeat(
            new LookupRequest { FacilityCodes = { "H1" }, InsuredIds = { "P1" }, ItemCodes = { "A1", "B1" }, Enrolled = true }, calls),
            _calls);
    }

    [Fact]
    public async Task Eligibility_that_fails_is_told_with_the_cause_and_asked_again_by_the_next()
    {
        RpcException cause = new(new Status(StatusCode.DeadlineExceeded, "too slow"));
        _lookup = (_, _) => throw cause;

        EligibilityUnavailableException failure = await Assert.ThrowsAsync<EligibilityUnavailableException>(FindAllAsync);
        _lookup = (request, _) => Task.FromResult(Everything(request, version: 0));

        Assert.Equal(("Eligibility does not answer.", cause), (failure.Message, failure.InnerException));
        Assert.Equal("H1", (await FindAllAsync()).Facility!.Code);
    }

    [Fact]
    public async Task Look_ups_stay_within_what_eligibility_takes_and_so_does_the_queue()
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _lookup = async (request, _) =>
        {
            await open.Task;
            return Everything(request, version: 0);
        };

        // Four are under way, so that all others wait.
        List<Task<Known>> all = [];
        for (int call = 1; call <= 4; call++)
        {
            all.Add(_directory.FindAsync("H1", $"P{call}", []).AsTask());
            await Eventually.HoldsAsync(Bound, () => Task.FromResult(_calls.Count == call));
        }

        for (int visit = 0; visit < 20; visit++)
            all.Add(_directory.FindAsync("H1", "P0", [.. Enumerable.Range(0, 500).Select(item => $"{visit}-{item}")]).AsTask());
        for (int person = 20; person < 20_000; person++) all.Add(_directory.FindAsync("H1", $"Q{person}", []).AsTask());
        Task<Known> beyond = _directory.FindAsync("H1", "P0", []).AsTask();
        await Assert.ThrowsAsync<EligibilityUnavailableException>(() => beyond.WaitAsync(Bound));
        Assert.DoesNotContain(all, task => task.IsFaulted);
        open.SetResult();
        await Task.WhenAll(all).WaitAsync(Bound);

        Assert.Equal(500, _calls.Max(call => call.InsuredIds.Count));
        Assert.InRange(_calls.Max(call => call.ItemCodes.Count), 4_500, 5_000);
        Assert.All(_calls, call => Assert.InRange(call.FacilityCodes.Count, 0, 1));
    }

    [Fact]
    public async Task Stop_refuses_what_is_asked_and_what_waits()
    {
        _lookup = async (_, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            return new LookupReply();
        };
        List<Task<Known>> all = [];
        for (int call = 1; call <= 4; call++)
        {
            all.Add(_directory.FindAsync("H1", $"P{call}", []).AsTask());
            await Eventually.HoldsAsync(Bound, () => Task.FromResult(_calls.Count == call));
        }

        all.Add(_directory.FindAsync("H1", "P5", []).AsTask());
        await _directory.StopAsync(CancellationToken.None).WaitAsync(Bound);

        foreach (Task<Known> asked in all) await Assert.ThrowsAsync<EligibilityUnavailableException>(() => asked.WaitAsync(Bound));
    }

    private static LookupReply Everything(LookupRequest request, long version)
    {
        LookupReply reply = new() { Version = version };
        reply.Facilities.AddRange(request.FacilityCodes.Select(code => new Facility { FacilityCode = code, AdminLevel = AdminLevel.City }));
        reply.Enrolled.AddRange(request.InsuredIds.Index().Select(insured => new Enrolled { Position = insured.Index }));
        reply.Items.AddRange(request.ItemCodes.Select(
            code => new CatalogueItem { ItemCode = code, ItemClass = ItemClass.ClassA, ValidFrom = "2024-01-01" }));
        return reply;
    }

    private Task<Known> FindAllAsync() => _directory.FindAsync("H1", "P1", ["A1", "B1"]).AsTask();

    private Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
    {
        _calls.Enqueue(request);
        return _lookup(request, cancellation);
    }

    /// <summary>Returns once the notice has been dealt with.</summary>
    private async Task NoticeAsync(Channel<EligibilityVersion> subscription, long version)
    {
        int before = _notices.Taken;
        await subscription.Writer.WriteAsync(new EligibilityVersion { Version = version });
        await Eventually.HoldsAsync(Bound, () => Task.FromResult(_notices.Taken > before));
    }

    /// <summary>The system's clock, on which nothing is waited for.</summary>
    private sealed class Hurried : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.FromMilliseconds(1), period);
    }
}
