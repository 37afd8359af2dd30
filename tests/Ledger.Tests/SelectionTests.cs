using System.Collections.Frozen;
using Claims.Ledger.Posting;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Google.Protobuf;
using Watermarks = Claims.Ledger.Posting.Watermarks;

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
        Assert.Equal(3, selection.Repeats.Count);
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
        Assert.Empty(selection.Repeats);
    }

    [Fact]
    public void Gap_is_told_of_each_shard_whose_hole_is_open_and_of_no_other()
    {
        Selection selection = Select([3, 4], (0, 5), (1, 6), (1, 5), (1, 6), (0, 3));

        Assert.Equal([0], selection.Gaps);
        Assert.Single(selection.Repeats);
        Assert.Equal([(1, (5L, 6L))], selection.Ranges.Select(range => (range.Key, range.Value)));
        Assert.Equal([(1, 5L), (1, 6L)], selection.Sources.Select(source => (source.Shard, source.Claim!.Sequence)));
        Assert.False(selection.IsEmpty);
        Assert.True(Select([3, 4], (0, 5)).IsEmpty);
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(1, 2, true)]
    [InlineData(2, 1, true)]
    [InlineData(2, 0, false)]
    public void Record_of_several_numbers_continues_from_its_first_one(long first, long watermark, bool continues)
    {
        FeedRecord lost = new(0, 0, [], _log.Lost(first, 4), null);

        Selection selection = Selection.Of([lost], _log.Epoch, Opened([watermark, 0]), FrozenSet.Create(0, 1));

        Assert.Empty(selection.Poison);
        Assert.Equal(continues ? [(watermark + 1, 4L)] : [], selection.Ranges.Values);
        Assert.Equal(continues ? [] : [0], selection.Gaps);
    }

    [Fact]
    public void Shard_that_has_stopped_takes_nothing_and_tells_no_gap()
    {
        Watermarks marks = Opened([0, 0]);
        marks.Stop(0, "it stopped");

        Selection selection = Selection.Of(Received((0, 1), (0, 5), (1, 1)), _log.Epoch, marks, FrozenSet.Create(0, 1));

        Assert.Equal([(1, (1L, 1L))], selection.Ranges.Select(range => (range.Key, range.Value)));
        Assert.Empty(selection.Gaps);
        Assert.Empty(selection.Poison);
    }

    [Theory]
    [InlineData("\0", "belongs to another store: its epoch is not an epoch, not 00000000…")]
    [InlineData("12345678", "belongs to another store: its epoch is not an epoch, not 00000000…")]
    [InlineData("123456789", "belongs to another store: its epoch is 12345678…, not 00000000…")]
    [InlineData("ffffffffffffffffffffffffffffffff", "belongs to another store: its epoch is ffffffff…, not 00000000…")]
    public void Foreign_epoch_is_poison_whatever_its_sequence(string epoch, string reason)
    {
        _log.Shard(0)[0].Epoch = epoch;

        Assert.Equal(reason, Assert.Single(Select([5, 0], (0, 1)).Poison).Reason);
    }

    [Fact]
    public void Poison_names_where_it_came_from_and_keeps_the_record_or_what_could_not_be_read()
    {
        SettledClaim strayed = _log.Shard(1)[0];
        SettledClaim unsound = _log.Shard(1)[1];
        unsound.TotalFen++;
        FeedRecord[] records =
        [
            new(0, 41, [1], strayed, null), new(1, 42, [2], strayed, null), new(1, 43, [3], unsound, null),
            new(2, 44, [4, 5], null, "is not a SettledClaim: …"),
        ];

        Selection selection = Selection.Of(records, _log.Epoch, Opened([0, 0, 0]), FrozenSet.Create(0, 1, 2));

        Assert.Equal(
            [
                ("is of shard 1 and came through partition 0", "the record at offset 41 is of shard 1 and came through partition 0"),
                ("(sequence 2) has parts that do not add up to the total",
                    "the record at offset 43 (sequence 2) has parts that do not add up to the total"),
                ("is not a SettledClaim: …", "the record at offset 44 is not a SettledClaim: …"),
            ],
            selection.Poison.Select(poison => (poison.Reason, poison.StopReason)));
        Assert.Equal([strayed.ToByteArray(), unsound.ToByteArray(), [4, 5]], selection.Poison.Select(poison => poison.Bytes));
        Assert.Equal([(1, (1L, 1L))], selection.Ranges.Select(range => (range.Key, range.Value)));
    }

    private Selection Select(long[] watermarks, params (int Shard, long Sequence)[] received) => SelectOwn([0, 1], watermarks, received);

    private Selection SelectOwn(int[] own, long[] watermarks, params (int Shard, long Sequence)[] received) =>
        Selection.Of(Received(received), _log.Epoch, Opened(watermarks), own.ToFrozenSet());

    private FeedRecord[] Received(params (int Shard, long Sequence)[] received) =>
        [.. received.Select(record => new FeedRecord(record.Shard, 0, [], _log.Shard(record.Shard)[(int)record.Sequence - 1], null))];

    private Watermarks Opened(long[] watermarks)
    {
        Watermarks marks = new(TimeProvider.System);
        marks.Open(new StoreRow(_log.Epoch, watermarks.Length, true, watermarks, [.. watermarks.Select(_ => "")]));
        return marks;
    }
}
