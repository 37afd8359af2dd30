using System.Collections.Concurrent;
using Claims.Cli.Operations;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

public sealed class OperationSenderTests
{
    [Fact]
    public async Task Operations_of_one_insured_wait_for_one_another_and_others_do_not()
    {
        ConcurrentDictionary<string, int> running = new();
        ConcurrentQueue<string> order = new();
        int atOnce = 0;
        int mostAtOnce = 0;
        FakeAdjudication adjudication = new()
        {
            Unary = async request =>
            {
                SettleRequest settle = (SettleRequest)request;
                Assert.Equal(1, running.AddOrUpdate(settle.InsuredId, 1, (_, count) => count + 1));
                int now = Interlocked.Increment(ref atOnce);
                InterlockedMax(ref mostAtOnce, now);
                await Task.Yield();
                order.Enqueue(settle.RequestId);
                Interlocked.Decrement(ref atOnce);
                running[settle.InsuredId] = 0;
                return new SettleReply { RequestId = settle.RequestId };
            },
        };
        Operation[] operations = [.. Enumerable.Range(0, 2000).Select(index => Settle(index + 1, $"P{index % 40}", $"{index:0000}"))];

        Answer[] answers = await SendAsync(adjudication, operations);

        Assert.Equal(
            operations.Select(operation => ((SettleRequest)operation.Request).RequestId),
            answers.Select(answer => ((SettleReply)answer.Reply!).RequestId));
        foreach (IGrouping<int, string> insured in order.GroupBy(
            id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture) % 40))
            Assert.Equal(insured.Order(StringComparer.Ordinal), insured);
        Assert.InRange(mostAtOnce, 2, OperationSender.Lanes);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.DeadlineExceeded)]
    [InlineData(StatusCode.ResourceExhausted)]
    public async Task Same_request_is_repeated_while_the_service_is_away(StatusCode status)
    {
        ConcurrentQueue<SettleRequest> seen = new();
        FakeAdjudication adjudication = new()
        {
            Unary = request =>
            {
                seen.Enqueue((SettleRequest)request);
                return seen.Count < 3
                    ? throw new RpcException(new Status(status, "away"))
                    : Task.FromResult<object>(new SettleReply { FundPayFen = 5 });
            },
        };

        Answer answer = Assert.Single(await SendAsync(adjudication, [Settle(1, "P1", "G1")]));

        Assert.Equal(5, ((SettleReply)answer.Reply!).FundPayFen);
        Assert.Equal(3, seen.Count);
        Assert.Single(seen.Distinct());
    }

    [Theory]
    [InlineData(StatusCode.Unimplemented)]
    [InlineData(StatusCode.PermissionDenied)]
    [InlineData(StatusCode.Internal)]
    public async Task Final_status_is_the_answer_at_once(StatusCode status)
    {
        int calls = 0;
        FakeAdjudication adjudication = new()
        {
            Unary = _ =>
            {
                calls++;
                throw new RpcException(new Status(status, "no"));
            },
        };

        Answer answer = Assert.Single(await SendAsync(adjudication, [Settle(1, "P1", "G1")]));

        Assert.True(answer.IsError);
        Assert.Equal((status, "no"), (answer.Error.StatusCode, answer.Error.Detail));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void Outage_begins_with_the_last_answer_and_is_final()
    {
        ManualTime time = new();
        OutageClock outage = new(time, TimeSpan.FromSeconds(10));

        time.Advance(TimeSpan.FromSeconds(9));
        outage.Failed();
        outage.Answered();
        time.Advance(TimeSpan.FromSeconds(9));
        outage.Failed();
        Assert.False(outage.IsGone);

        time.Advance(TimeSpan.FromSeconds(1));
        outage.Failed();
        outage.Answered();
        Assert.True(outage.IsGone);
    }

    [Theory]
    [InlineData(StatusCode.DeadlineExceeded, "DEADLINE_EXCEEDED")]
    [InlineData(StatusCode.Unavailable, "UNAVAILABLE")]
    [InlineData(StatusCode.NotFound, "NOT_FOUND")]
    public void Status_is_written_as_the_protocol_names_it(StatusCode status, string name)
    {
        Assert.Equal(name, SendSummary.StatusName(status));
    }

    private static async Task<Answer[]> SendAsync(FakeAdjudication adjudication, Operation[] operations)
    {
        Answer[] answers = new Answer[operations.Length];
        OperationSender sender = new([adjudication, adjudication], (index, answer) => answers[index] = answer);
        await sender.SendAsync(operations, CancellationToken.None);
        return answers;
    }

    private static Operation Settle(int line, string insured, string requestId) =>
        new(line, "settle", insured, new SettleRequest { InsuredId = insured, RequestId = requestId });

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }
}
