using System.Collections.Frozen;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;

namespace Ledger.Tests;

public sealed class SelectionTests
{
    private readonly PublishedLog _log = new PublishedLog(2).AddSettlements(9);

    [Fact]
    public void Next_records_of_every_shard_are_taken_up_to_the_first_hole()
    {
        Selection selection = Select([5, 0], (0, 6), (1, 1), (0, 7), (1, 2), (1, 4));

        Assert.Equal([(0, (6L, 7L)), (1, (1L, 2L))], selection.Ranges.Select(range => (range.Key, range.Value)));
        Assert.Equal([1], selection.Gaps);
        Assert.Equal(4, selection.Records.Count);
    }

    [Fact]
    public void Records_up_to_the_watermark_or_twice_are_repeats()
    {
        Selection selection = Select([5, 0], (0, 4), (0, 5), (0, 6), (0, 6));

        Assert.Equal((6L, 6L), selection.Ranges[0]);
        Assert.Equal(3, selection.Repeats);
        Assert.Empty(selection.Gaps);
    }

    [Fact]
    public void Hole_that_is_filled_but_not_to_the_end_is_still_a_gap()
    {
        Selection selection = Select([0, 0], (0, 3), (0, 1), (0, 2));

        Assert.Equal((1L, 2L), selection.Ranges[0]);
        Assert.Equal([0], selection.Gaps);
    }

    [Fact]
    public void Hole_that_is_filled_to_the_end_is_no_gap()
    {
        Selection selection = Select([0, 0], (0, 3), (0, 1), (0, 2), (0, 3));

        Assert.Equal((1L, 3L), selection.Ranges[0]);
        Assert.Empty(selection.Gaps);
    }

    [Fact]
    public void Nothing_after_a_poisoned_record_of_its_shard_is_taken()
    {
        _log.Shard(0)[1].TotalFen++;

        Selection selection = Select([0, 0], (0, 1), (0, 2), (0, 3), (1, 1));

        Assert.Equal([(0, (1L, 1L)), (1, (1L, 1L))], selection.Ranges.Select(range => (range.Key, range.Value)));
        Assert.Equal(2, Assert.Single(selection.Poison).Record.Claim!.Sequence);
        Assert.Empty(selection.Gaps);
    }

    [Fact]
    public void Records_of_a_shard_that_another_instance_posts_are_neither_taken_nor_missed()
    {
        _log.Shard(0)[0].Epoch = "another store";

        Selection selection = SelectOwn([1], [0, 0], (0, 1), (0, 4), (1, 1));

        Assert.Equal([(1, (1L, 1L))], selection.Ranges.Select(range => (range.Key, range.Value)));
        Assert.Empty(selection.Gaps);
        Assert.Empty(selection.Poison);
        Assert.Equal(0, selection.Repeats);
    }

    [Fact]
    public void Foreign_epoch_is_poison_whatever_its_sequence()
    {
        _log.Shard(0)[0].Epoch = "\0";

        PoisonRecord poison = Assert.Single(Select([5, 0], (0, 1)).Poison);

        Assert.DoesNotContain('\0', poison.Reason);
    }

    private Selection Select(long[] watermarks, params (int Shard, long Sequence)[] received) => SelectOwn([0, 1], watermarks, received);

    private Selection SelectOwn(int[] own, long[] watermarks, params (int Shard, long Sequence)[] received)
    {
        Watermarks marks = new(TimeProvider.System);
        marks.Open(new StoreRow(_log.Epoch, _log.Shards, true, watermarks, [.. watermarks.Select(_ => "")]));
        FeedRecord[] records = [.. received.Select(record => new FeedRecord(record.Shard, 0, [], _log.Shard(record.Shard)[(int)record.Sequence - 1], null))];
        return Selection.Of(records, _log.Epoch, marks, own.ToFrozenSet());
    }
}
