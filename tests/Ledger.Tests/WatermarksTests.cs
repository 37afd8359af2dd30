using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Watermarks = Claims.Ledger.Posting.Watermarks;

namespace Ledger.Tests;

/// <summary>What those who watch are told, shard by shard and number by number.</summary>
public sealed class WatermarksTests
{
    private readonly Watermarks _marks = new(TimeProvider.System);

    public WatermarksTests() => _marks.Open(Row([7, 0, 9], ["", "it stopped", ""]));

    [Fact]
    public async Task Watcher_is_told_of_every_shard_first_and_then_of_what_changed()
    {
        await using IAsyncEnumerator<Claims.V1.Watermarks> watch = _marks.WatchAsync(CancellationToken.None).GetAsyncEnumerator();

        Assert.Equal([Mark(0, 7), Mark(1, 0, stopped: "it stopped"), Mark(2, 9)], await NextAsync(watch));
        _marks.Advance([(2, 12)]);
        Assert.Equal([Mark(2, 12)], await NextAsync(watch));
        _marks.Stop(0, "another stop");
        Assert.Equal([Mark(0, 7, stopped: "another stop")], await NextAsync(watch));
        Assert.Equal([2], _marks.AnnounceGaps([2]));
        Assert.Equal([Mark(2, 12, announcement: 1)], await NextAsync(watch));
        // It stands for as long as nothing is booked: the reminder has the number of what it reminds of.
        Assert.Equal([Mark(2, 12, announcement: 1)], await NextAsync(watch));
        _marks.AskAgain([0, 2]);
        Assert.Equal([Mark(0, 7, stopped: "another stop", announcement: 1), Mark(2, 12, announcement: 2)], await NextAsync(watch));
        _marks.Advance([(2, 13)]);
        Assert.Equal([Mark(2, 13)], await NextAsync(watch));

        await using IAsyncEnumerator<Claims.V1.Watermarks> late = _marks.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        Assert.Equal([Mark(0, 7, stopped: "another stop"), Mark(1, 0, stopped: "it stopped"), Mark(2, 13)], await NextAsync(late));
    }

    [Fact]
    public void First_store_that_is_opened_counts()
    {
        _marks.Open(Row([1, 2, 3], ["", "", ""]));

        Assert.Equal([7L, 0L, 9L], Enumerable.Range(0, 3).Select(_marks.Sequence));
        Assert.Equal([(1, "it stopped")], _marks.Stopped);
        Assert.Equal([false, true, false], Enumerable.Range(0, 3).Select(_marks.IsStopped));
    }

    [Fact]
    public void Gap_is_new_until_something_is_booked_and_of_each_shard_for_itself()
    {
        Assert.Equal([0, 2], _marks.AnnounceGaps([0, 2]));
        Assert.Empty(_marks.AnnounceGaps([0, 2]));
        _marks.Advance([(0, 8)]);
        Assert.Equal([0], _marks.AnnounceGaps([0, 2]));
    }

    [Fact]
    public void What_the_database_has_counts_unless_something_was_written_here_since_it_was_read()
    {
        long before = _marks.Version;
        Assert.Empty(_marks.Refresh(Row([7, 0, 9], ["", "it stopped", ""]), before));
        Assert.Equal(before, _marks.Version);
        _marks.Advance([(0, 20)]);

        // Read before the 20 were booked: of shard 0 it is the older, of the others it is news.
        Assert.Equal([1], _marks.Refresh(Row([7, 4, 9], ["", "", "another stop"]), before));
        Assert.Equal([20L, 4L, 9L], Enumerable.Range(0, 3).Select(_marks.Sequence));
        Assert.Equal([(2, "another stop")], _marks.Stopped);

        // Another instance may have been set back: what is read afterwards counts in either direction.
        Assert.Equal([2], _marks.Refresh(Row([15, 4, 9], ["first stop", "", ""]), _marks.Version));
        Assert.Equal([15L, 4L, 9L], Enumerable.Range(0, 3).Select(_marks.Sequence));
        Assert.Equal([(0, "first stop")], _marks.Stopped);
    }

    [Fact]
    public async Task Request_of_another_instance_asks_again_for_what_is_not_posted_here()
    {
        OwnShards own = new();
        own.Set([1]);
        await using Npgsql.NpgsqlDataSource none = Npgsql.NpgsqlDataSource.Create("Host=127.0.0.1;Port=1");
        Peers peers = new(none, _marks, own, Microsoft.Extensions.Logging.Abstractions.NullLogger<Peers>.Instance);
        await using IAsyncEnumerator<Claims.V1.Watermarks> watch = _marks.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        await NextAsync(watch);

        peers.Hear("");
        peers.Hear("1");
        peers.Hear("0 1 2");

        Assert.Equal([Mark(0, 7, announcement: 1), Mark(2, 9, announcement: 1)], await NextAsync(watch));

        // No one can be told: who watches here still is.
        peers.AskAgain([1]);
        Assert.Equal([Mark(1, 0, stopped: "it stopped", announcement: 1)], await NextAsync(watch));
    }

    private static StoreRow Row(long[] watermarks, string[] stopped) =>
        new(new string('a', 32), watermarks.Length, true, watermarks, stopped);

    private static ShardWatermark Mark(int shard, long sequence, string stopped = "", long announcement = 0) =>
        new() { Shard = shard, Sequence = sequence, Stopped = stopped, Gap = announcement > 0, Announcement = announcement };

    private static async Task<IEnumerable<ShardWatermark>> NextAsync(IAsyncEnumerator<Claims.V1.Watermarks> watch)
    {
        Assert.True(await watch.MoveNextAsync().AsTask().WaitAsync(RunningLedger.Deadline));
        return watch.Current.Shards;
    }
}
