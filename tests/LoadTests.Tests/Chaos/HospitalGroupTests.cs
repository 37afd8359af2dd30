using System.Collections.Concurrent;
using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Faults;
using Claims.Rules;
using Claims.SystemTests;
using Grpc.Core;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class HospitalGroupTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Attempt_without_an_answer_is_repeated_and_what_no_contract_knows_is_told()
    {
        Way unsteady = new(
            _ => throw new NoAnswerException("gone"), _ => throw new RpcException(new Status(StatusCode.Unknown, "odd")));
        Way broken = new(
            _ => throw new InvalidOperationException("broken"), _ => Refused(Reasons.RecordsLost));
        await using HospitalGroup group = Group(lane => lane switch { 0 => unsteady, 1 => broken, _ => new Way() });

        group.Start();
        await Task.WhenAll(unsteady.AskedAsync(4), broken.AskedAsync(4)).WaitAsync(Bound);
        await group.StopAsync();

        Call[] first = [.. group.Calls.Where(call => call.Attempts > 1)];
        Assert.Equal(2, first.Length);
        Assert.All(first, call => Assert.Equal((3, Reply.Settled), (call.Attempts, call.Reply?.Outcome)));
        Assert.All(first, call => Assert.True(call.FirstSentTicks < call.SentTicks && call.SentTicks < call.AnsweredTicks));
        Assert.All([unsteady, broken], way => Assert.Single(way.Asked.Take(3).Distinct()));
        Assert.Equal(["InvalidOperationException: broken", "Unknown: odd"], group.Unexpected.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            ["InvalidOperationException: broken", "RECORDS_LOST", "Unknown: odd", "gone"],
            group.Unanswered.Keys.Order(StringComparer.Ordinal));
        Assert.NotEqual(0, group.LastFailureTicks);
    }

    [Fact]
    public async Task Everything_that_had_an_effect_is_asked_once_more_in_the_end_and_nothing_else_is()
    {
        await using HospitalGroup group = Group(_ => new Way());
        group.Start();
        await WaitUntilAsync(() => group.Answered > 500);
        await group.StopAsync();
        RequestKey[] effective = [.. group.Calls.Where(call => call.Reply is { HasEffect: true }).Select(call => call.Op.Key).Distinct()];

        await group.RepeatAsync(CancellationToken.None);

        Call[] final = [.. group.Calls.Where(call => call.Final)];
        Assert.Equal(effective.ToHashSet(), final.Select(call => call.Op.Key).ToHashSet());
        Assert.Equal(effective.Length, final.Length);
        Assert.All(final, call => Assert.NotNull(call.Reply));
        Assert.Contains(group.Calls, call => call.Reply is { HasEffect: false });
    }

    [Fact]
    public async Task Clock_of_a_third_of_the_hospitals_is_moved_and_put_right()
    {
        Way[] ways = [.. Enumerable.Range(0, HospitalGroup.Count).Select(_ => new Way())];
        await using HospitalGroup group = Group(lane => ways[lane]);

        ClockMoved clock = new(new Scene(null!, group, null!), "a century ahead, hospitals 2/3");
        await clock.BeginAsync(CancellationToken.None);
        group.Start();
        await Task.WhenAll(ways.Select(way => way.AskedAsync(1))).WaitAsync(Bound);
        Assert.Equal(
            Enumerable.Range(0, HospitalGroup.Count).Where(lane => lane % 3 == 1),
            Enumerable.Range(0, HospitalGroup.Count).Where(lane => ways[lane].Asked.First().VisitDate.Year > 2100));

        await clock.EndAsync(CancellationToken.None);
        await WaitUntilAsync(() => ways[1].Asked.Last() is { Kind: OpKind.Settle } op && op.VisitDate.Year < 2100);
    }

    [Fact]
    public async Task Pause_lasts_from_the_last_answer_until_they_may_go_on()
    {
        TaskCompletionSource<Reply> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Way slow = new() { Later = _ => answer.Task };
        await using HospitalGroup group = Group(lane => lane == 0 ? slow : new Way());
        group.Start();
        await slow.AskedAsync(1).WaitAsync(Bound);

        Task pausing = group.PauseAsync(CancellationToken.None);
        Assert.False(pausing.IsCompleted);
        answer.SetResult(Settled());
        await pausing.WaitAsync(Bound);

        Assert.All(group.Calls.ToArray(), call => Assert.NotNull(call.Reply));
        long answered = group.Answered;
        group.Resume();
        await WaitUntilAsync(() => group.Answered > answered);
    }

    private static HospitalGroup Group(Func<int, Way> way) => new(
        lane => [way(lane)], seed: 1, perSecond: HospitalGroup.Count * 200, TimeSpan.FromSeconds(10));

    private static Reply Settled() => new(Reply.Settled, "", "S", 0, 0, 0, 0, 0);

    private static Reply Refused(string reason) => new(Reply.Refused, reason, "", 0, 0, 0, 0, 0);

    private static Task WaitUntilAsync(Func<bool> holds) => Eventually.HoldsAsync(() => Task.FromResult(holds()), Bound);

    /// <summary>Settles visits and refuses the rest, after some first attempts that go as they are told.</summary>
    private sealed class Way(params IReadOnlyList<Func<Op, Reply>> first) : IWay
    {
        private readonly ConcurrentQueue<Op> _asked = new();

        public IReadOnlyCollection<Op> Asked => _asked;

        public Func<Op, Task<Reply>>? Later { get; init; }

        public Task<Reply> AskAsync(Op op, TimeSpan bound, CancellationToken cancellationToken)
        {
            _asked.Enqueue(op);
            if (_asked.Count <= first.Count) return Task.FromResult(first[_asked.Count - 1](op));
            if (Later is not null) return Later(op);
            return Task.FromResult(op.Kind == OpKind.Settle ? Settled() : Refused(Reasons.SettlementUnknown));
        }

        public Task AskedAsync(int times) => WaitUntilAsync(() => _asked.Count >= times);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
