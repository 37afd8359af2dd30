using System.Globalization;
using Adjudication.Tests.Store;
using Claims.Adjudication.Rebuilding;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Adjudication.Tests.Rebuilding;

/// <summary>One shard of a store with its books and the part of the service that opens shards.</summary>
internal sealed class RebuiltStore : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly string[] Facilities = ["H1", "C1"];

    private readonly StoreOpener _opener;
    private readonly Dictionary<(string Insured, string Facility), string> _cancellations = [];

    private RebuiltStore(StoreFixture fixture)
    {
        Fixture = fixture;
        Books = new FakeBooks(fixture);
        _opener = new StoreOpener(fixture.Store, Books, Published, HastyTime.Provider, Log);
        Shard = fixture.Store.Shards[0];
    }

    public StoreFixture Fixture { get; }

    public FakeBooks Books { get; }

    public LogLines<StoreOpener> Log { get; } = new();

    /// <summary>The shard that everything here is about: the first, until another is turned to.</summary>
    public ShardQueue Shard { get; private set; }

    /// <summary>Called once, when the opener has looked at the store and opens nothing yet.</summary>
    public Action? Looked { get; set; }

    public IDatabase Redis => Fixture.Redis;

    /// <summary>From now on a shard stays closed or open as the test leaves it.</summary>
    public Task StopOpeningAsync() => _opener.StopAsync(CancellationToken.None);

    public static async Task<RebuiltStore> StartAsync(int shards = 1)
    {
        RebuiltStore store = new(await StoreFixture.StartAsync(shards, longestOutbox: 1_000));
        await store.WriteTermsAsync();
        await store._opener.StartAsync(CancellationToken.None);
        return store;
    }

    public Task TurnToAsync(int shard)
    {
        Shard = Fixture.Store.Shards[shard];
        return WriteTermsAsync();
    }

    /// <summary>One of the shard's insured, by a number.</summary>
    public string InsuredOf(int number) => Enumerable.Range(0, int.MaxValue)
        .Select(attempt => string.Create(CultureInfo.InvariantCulture, $"P{number}-{attempt}"))
        .First(id => Shards.Of(id, Fixture.Store.Shards.Count) == Shard.Shard);

    public static ModelVisit Visit(string insured, string request) =>
        new(insured, "H1", request, new DateOnly(2024, 3, 5), 10_000, 10_000, 5_500, 4_000, 30_000, null);

    /// <summary>One of many things that may be asked for, by a number. Every other reversal is of a cancellation, where there has been
    /// one.</summary>
    public async Task<StepReply> DoAsync(int what, int number)
    {
        string insured = InsuredOf(what % 3);
        string facility = Facilities[what / 3 % 2];
        string request = string.Create(CultureInfo.InvariantCulture, $"r{number}");
        int earlier = what / 6 % 40;
        string target = earlier == number ? "none" : string.Create(CultureInfo.InvariantCulture, $"r{earlier}");
        switch (what / 240 % 10)
        {
            case 0 or 1:
                StepReply cancelled = await Fixture.UndoAsync(
                    StepMode.Cancel, insured, facility, request, RequestField.Of(facility, target));
                if (cancelled.Outcome is StepOutcome.New) _cancellations[(insured, facility)] = request;
                return cancelled;
            case 2:
                return await Fixture.UndoAsync(StepMode.Reverse, insured, facility, request, RequestField.Of(facility, target));
            case 3:
                return await Fixture.UndoAsync(StepMode.Reverse, insured, facility, request,
                    RequestField.Of(facility, _cancellations.GetValueOrDefault((insured, facility), target)));
            case 4:
                DateOnly day = new(2024, 1 + (earlier % 12), 1);
                return await Fixture.RunAsync(StepMode.Settle, new ModelVisit(
                    insured, facility, request, day, 200_000, 150_000, 0, 0, 30_000, 60_000, "", 180));
            default:
                return await Fixture.RunAsync(StepMode.Settle, Visit(insured, request) with
                {
                    Facility = facility,
                    Day = new DateOnly(2024 + (earlier % 2), 3, 1 + (earlier % 5)),
                    TotalFen = 3_000 + (earlier * 700),
                    InScopeFen = 2_000 + (earlier * 700),
                    VisitId = earlier % 3 == 0 ? string.Create(CultureInfo.InvariantCulture, $"v{earlier % 4}") : "",
                });
        }
    }

    /// <summary>Every field of every insured's hash and the terms, as text.</summary>
    public async Task<SortedDictionary<string, string>> DumpAsync()
    {
        SortedDictionary<string, string> dump = new(StringComparer.Ordinal);
        IServer server = Redis.Multiplexer.GetServers()[0];
        await foreach (RedisKey key in server.KeysAsync(pattern: Shard.Keys.EveryInsured))
            foreach (HashEntry entry in await Redis.HashGetAllAsync(key))
                dump[$"{key} {entry.Name}"] = Convert.ToHexString((byte[])entry.Value!);
        return dump;
    }

    public async Task WriteTermsAsync() =>
        Fixture.Terms = await Fixture.Store.Terms.KeyOfAsync(Shard, SampleTerms.Of(5_500, 4_000, 30_000));

    /// <summary>The ledger books all that waits, and the relay hears of it.</summary>
    public async Task BookAllAsync()
    {
        await Books.BookAsync(Shard.Shard);
        await Redis.HashSetAsync(Shard.Keys.Shard, "committed", Books.Position(Shard.Shard));
    }

    public async Task<string> ShardAsync() => string.Join(' ', (await Redis.HashGetAllAsync(Shard.Keys.Shard))
        .Select(entry => $"{entry.Name}={((string)entry.Value!).Split('.')[0]}").Order(StringComparer.Ordinal));

    public Task<RebuildReport> RebuildAsync(bool dryRun = false, TimeProvider? time = null)
    {
        ShardRebuild rebuild = new(Shard, Fixture.Store, Books, time ?? HastyTime.Provider, _ => Task.CompletedTask)
        {
            BooksStandStill = TimeSpan.FromMilliseconds(1),
        };
        return rebuild.RunAsync(dryRun, CancellationToken.None);
    }

    public Task<RebuildReport> RestoreAsync(string insuredId, bool dryRun = false) =>
        new InsuredRestoration(Shard, Fixture.Store, Books, HastyTime.Provider)
            .RunAsync(insuredId, dryRun, TimeSpan.FromMilliseconds(200), CancellationToken.None);

    public Task ClosedAsync(string reason) => Eventually.HoldsAsync(
        Bound, () => Task.FromResult(Shard.Status.Reason.Contains(reason, StringComparison.Ordinal)), () => Shard.Status.ToString());

    private Dictionary<int, long> Published(string epoch, IReadOnlyCollection<int> shards)
    {
        Action? looked = Looked;
        Looked = null;
        looked?.Invoke();
        return [];
    }

    public async ValueTask DisposeAsync()
    {
        await _opener.StopAsync(CancellationToken.None);
        _opener.Dispose();
        await Fixture.DisposeAsync();
    }
}

/// <summary>A clock whose pauses are short: what waits for a second is not made to.</summary>
internal class HastyTime : TimeProvider
{
    private const int Haste = 50;

    public static HastyTime Provider { get; } = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, Hastened(dueTime), Hastened(period));

    // None, and for ever, stay what they are.
    private static TimeSpan Hastened(TimeSpan time) => time > TimeSpan.Zero ? time / Haste : time;
}

/// <summary>The same, some time from now.</summary>
internal sealed class LaterTime(TimeSpan later) : HastyTime
{
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + later;
}
