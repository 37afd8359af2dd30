using Claims.Ledger;
using Claims.Ledger.Refusals;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Ledger.Tests;

/// <summary>Refusals are kept and found, each once, and only as long as they are to be kept.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class RefusalLogTests(LedgerDatabase databases) : IAsyncLifetime
{
    private string _postgres = "";
    private ServedLedger _served = null!;

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _served = await ServedLedger.StartAsync(_postgres);
    }

    public async Task DisposeAsync() => await _served.DisposeAsync();

    [Fact]
    public async Task Refusals_of_a_request_are_found_in_their_order_and_those_of_others_are_not()
    {
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        RefusedRequest later = Refused(now, "H1", "R1");
        RefusedRequest earlier = Refused(now.AddMinutes(-5), "H1", "R1");
        earlier.ReasonCode = "YEAR_CLOSED";
        KeepRefusalsRequest batch = new() { Refusals = { later, earlier, Refused(now, "H2", "R1"), Refused(now, "H1", "R2") } };
        await _served.Refusals.KeepAsync(batch);
        await _served.Refusals.KeepAsync(batch);

        FindRefusalsReply found = await _served.Refusals.FindAsync(new FindRefusalsRequest { FacilityCode = "H1", RequestId = "R1" });

        Assert.Equal(new FindRefusalsReply { KeptDays = 90, Refusals = { earlier, later } }, found);
        Assert.Empty((await _served.Refusals.FindAsync(new FindRefusalsRequest { FacilityCode = "H1", RequestId = "R3" })).Refusals);
    }

    [Fact]
    public async Task Refusal_that_is_old_enough_is_found_no_longer_and_goes()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_postgres);
        // The service beside it, whose clock runs, would remove what is old today.
        DateTimeOffset start = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        StoppedClock clock = new(start);
        RefusalStore store = new(database, new LedgerSettings { RefusalDays = 7 }, clock);
        await store.KeepAsync([Refused(start, "H1", "R1"), Refused(start.AddSeconds(1), "H1", "R1")], CancellationToken.None);

        clock.Now = start.AddDays(7);
        Assert.Equal([start.AddSeconds(1).ToUnixTimeMilliseconds()],
            (await store.FindAsync("H1", "R1", CancellationToken.None)).Select(one => one.RefusedAtUnixMs));
        Assert.Equal(1, await store.RemoveOldAsync(CancellationToken.None));
        Assert.Equal(0, await store.RemoveOldAsync(CancellationToken.None));

        clock.Now = start;
        Assert.Single(await store.FindAsync("H1", "R1", CancellationToken.None));
    }

    [Fact]
    public async Task Of_more_refusals_than_are_told_the_latest_are()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_postgres);
        DateTimeOffset start = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        RefusalStore store = new(database, new LedgerSettings(), new StoppedClock(start.AddHours(1)));
        RefusedRequest[] refused = [.. Enumerable.Range(0, 101).Select(second => Refused(start.AddSeconds(second), "H1", "R1"))];
        await store.KeepAsync(refused, CancellationToken.None);

        Assert.Equal(refused[1..], await store.FindAsync("H1", "R1", CancellationToken.None));
    }

    /// <summary>The first attempt finds PostgreSQL unable.</summary>
    [Fact]
    public async Task Removal_that_fails_is_tried_again_the_next_time()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(await databases.CreateAsync());
        RefusalStore store = new(database, new LedgerSettings { RefusalDays = 7 }, TimeProvider.System);
        await store.KeepAsync([Refused(DateTimeOffset.UtcNow.AddDays(-8), "H1", "R1")], CancellationToken.None);
        await using NpgsqlCommand unable = database.CreateCommand("""
            CREATE SEQUENCE tries;
            ALTER FUNCTION remove_refusals(timestamptz) RENAME TO remove_at_last;
            CREATE FUNCTION remove_refusals(until timestamptz) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('tries') = 1 THEN RAISE EXCEPTION 'not now'; END IF; RETURN remove_at_last(until); END $$
            """);
        await unable.ExecuteNonQueryAsync();
        using RefusalRemoval removal = new(
            store, new HurriedClock(), Microsoft.Extensions.Logging.Abstractions.NullLogger<RefusalRemoval>.Instance);

        await removal.StartAsync(CancellationToken.None);

        await using NpgsqlCommand count = database.CreateCommand("SELECT count(*) FROM refusal");
        await Eventually.HoldsAsync(async () => await count.ExecuteScalarAsync() is 0L, () => "the old refusal is still there");
        await removal.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Batch_beyond_its_bound_is_refused_and_nothing_of_it_is_kept()
    {
        KeepRefusalsRequest batch = new();
        batch.Refusals.AddRange(Enumerable.Range(0, 501).Select(_ => Refused(DateTimeOffset.UtcNow, "H1", "R1")));

        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await _served.Refusals.KeepAsync(batch));

        Assert.Equal(new Status(StatusCode.InvalidArgument, "refusals: at most 500 at a time"), refused.Status);
        Assert.Empty((await _served.Refusals.FindAsync(new FindRefusalsRequest { FacilityCode = "H1", RequestId = "R1" })).Refusals);
    }

    private static RefusedRequest Refused(DateTimeOffset at, string facility, string request) => new()
    {
        RefusedAtUnixMs = at.ToUnixTimeMilliseconds(),
        Operation = "settle",
        FacilityCode = facility,
        RequestId = request,
        InsuredMasked = "***1234",
        ReasonCode = "FACILITY_NOT_POOLED",
        ReasonText = "该机构在就诊日期未开通居民医保门诊统筹。",
        Instance = "host-a:17",
    };

    /// <summary>Whose hours are over at once.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, Moment, Moment);
    }
}
