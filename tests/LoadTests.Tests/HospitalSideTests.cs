using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using Claims.Cli;
using Claims.Cli.Tests;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Invariants;
using Claims.LoadTests.Measuring;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.LoadTests.Tests;

public sealed class HospitalSideTests
{
    private const int Window = 4;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Stream_that_breaks_counts_what_it_left_unanswered_and_is_opened_again()
    {
        int received = 0;
        HospitalSide hospitals = Hospitals(new Mix());
        LoadPhase phase = hospitals.Recorder.Begin("load", counts: true);
        FakeAdjudication adjudication = new()
        {
            Streamed = request => ++received == 3 ? throw new RpcException(new Status(StatusCode.Unavailable, "gone")) : Settled(request),
        };

        await StreamAsync(hospitals, adjudication, visits: 10);

        Assert.Equal((10, 9, 1), (phase.Sent, phase.Answered, phase.Errors));
        Assert.Equal(new Dictionary<string, long> { ["Unavailable: gone"] = 1 }, hospitals.Failures);
        Assert.Equal(Known.Sent, hospitals.Book.KnownOf(2));
        Assert.Equal(Known.Acknowledged, hospitals.Book.KnownOf(9));
    }

    [Fact]
    public async Task Answer_that_overtakes_another_of_the_insured_is_noticed()
    {
        HospitalSide hospitals = Hospitals(new Mix());
        SettleRequest[] visits = [hospitals.Next(0).Settle!, hospitals.Next(0).Settle!];
        await using LoadStream stream = new(hospitals, new(new FakeAdjudication { Streamed = Settled }), Window);

        foreach (SettleRequest visit in visits.Reverse())
        {
            await stream.WaitForRoomAsync(CancellationToken.None);
            await stream.SendAsync(visit, CancellationToken.None);
        }

        await stream.DisposeAsync();
        Assert.Equal(1, hospitals.Book.OutOfOrder);
    }

    [Fact]
    public async Task Call_without_an_answer_is_an_error_and_no_exception()
    {
        HospitalSide hospitals = Hospitals(new Mix());
        LoadPhase phase = hospitals.Recorder.Begin("load", counts: true);
        FakeAdjudication adjudication = new() { Unary = _ => throw new RpcException(new Status(StatusCode.ResourceExhausted, "busy")) };

        await hospitals.CallAsync(new(adjudication), hospitals.Next(0), TimeSpan.FromSeconds(1), CancellationToken.None);

        Assert.Equal((1, 0, 1), (phase.Sent, phase.Answered, phase.Errors));
        Assert.Equal("ResourceExhausted: busy", hospitals.Failures.Keys.Single());
    }

    [Fact]
    public async Task Clinic_whose_line_drops_sends_the_same_request_until_it_is_answered()
    {
        string address = $"http://127.0.0.1:{FreePort.Take(1)}/";
        using HttpListener gateway = new() { Prefixes = { address } };
        gateway.Start();
        HospitalSide hospitals = Hospitals(new Mix());
        LoadPhase phase = hospitals.Recorder.Begin("load", counts: true);
        using Clinic clinic = new(hospitals, new Uri(address));

        // Long enough for a busy machine to send the first request before.
        Task calling = clinic.CallAsync(hospitals.Next(0), dropAfter: TimeSpan.FromSeconds(3), CancellationToken.None);
        (HttpListenerContext unanswered, string first) = await TakeAsync();
        (HttpListenerContext refused, string second) = await TakeAsync();
        refused.Response.StatusCode = 503;
        refused.Response.Close();
        (HttpListenerContext answered, string third) = await TakeAsync();
        SettleReply reply = Settled(JsonParser.Default.Parse<SettleRequest>(third));
        reply.Replayed = true;
        answered.Response.Close(Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(reply)), willBlock: true);
        await calling.WaitAsync(Bound);
        unanswered.Response.Abort();

        Assert.Equal((first, first), (second, third));
        Assert.Equal((1, 1, 0), (phase.Sent, phase.Answered, phase.Errors));
        Assert.Equal((1, 1), (clinic.Dropped, clinic.FoundAgain));
        Assert.Equal((Known.Acknowledged, 0), (hospitals.Book.KnownOf(0), hospitals.Book.Unexpected));

        async Task<(HttpListenerContext, string)> TakeAsync()
        {
            HttpListenerContext context = await gateway.GetContextAsync().WaitAsync(Bound);
            using StreamReader body = new(context.Request.InputStream, Encoding.UTF8);
            return (context, await body.ReadToEndAsync());
        }
    }

    [Fact]
    public void Stored_answer_is_a_first_answer_only_where_the_request_may_have_been_sent_twice()
    {
        HospitalSide hospitals = Hospitals(new Mix());
        SettleReply once = Settled(hospitals.Next(0).Settle!);
        SettleReply twice = Settled(hospitals.Next(0).Settle!);
        (once.Replayed, twice.Replayed) = (true, true);
        hospitals.Book.MayBeSentAgain(1);

        hospitals.Answered(once);
        hospitals.Answered(twice);

        Assert.Equal((Known.Sent, Known.Acknowledged, 1),
            (hospitals.Book.KnownOf(0), hospitals.Book.KnownOf(1), hospitals.Book.Unexpected));
    }

    [Fact]
    public void Refusal_counts_as_one_and_latency_from_when_the_operation_was_due()
    {
        HospitalSide hospitals = Hospitals(new Mix(Replays: 0.999));
        LoadPhase phase = hospitals.Recorder.Begin("load", counts: true);
        SettleRequest first = hospitals.Next(Ago(seconds: 5)).Settle!, second = hospitals.Next(Ago(seconds: 50)).Settle!;

        hospitals.Answered(new SettleReply { RequestId = first.RequestId, Decision = Decision.Refused });
        Assert.Equal((1, 1), (phase.Answered, phase.Refused));
        Assert.InRange(phase.Latencies.Max.TotalSeconds, 5, 45);

        hospitals.Answered(Settled(second));
        Assert.Equal((2, 1), (phase.Answered, phase.Refused));
        Assert.InRange(phase.Latencies.Max.TotalSeconds, 50, 450);

        // And from when the repeat was due.
        Assert.Equal(second, hospitals.Next(Ago(seconds: 500)).Settle);
        hospitals.Answered(new SettleReply(Settled(second)) { Replayed = true });
        Assert.InRange(phase.Latencies.Max.TotalSeconds, 500, 3_000);

        static long Ago(int seconds) => Stopwatch.GetTimestamp() - (seconds * Stopwatch.Frequency);
    }

    [Fact]
    public async Task Repeat_that_comes_after_newer_visits_of_the_insured_has_overtaken_nobody()
    {
        HospitalSide hospitals = Hospitals(new Mix());
        SettleRequest first = hospitals.Next(0).Settle!, second = hospitals.Next(0).Settle!;
        FakeAdjudication adjudication = new() { Streamed = visit => new SettleReply(Settled(visit)) { Replayed = visit.Equals(first) } };
        hospitals.Book.MayBeSentAgain(0);
        await using LoadStream stream = new(hospitals, new(adjudication), Window);

        foreach (SettleRequest visit in new[] { second, first })
        {
            await stream.WaitForRoomAsync(CancellationToken.None);
            await stream.SendAsync(visit, CancellationToken.None);
        }

        await stream.DisposeAsync();
        Assert.Equal((0, Known.Acknowledged), (hospitals.Book.OutOfOrder, hospitals.Book.KnownOf(0)));
    }

    [Fact]
    public async Task Measurement_of_single_calls_sends_each_visit_once_to_its_own_hospital()
    {
        ConcurrentBag<(int Hospital, string Request)> sent = [];
        FakeAdjudication[] hospitals = [.. Enumerable.Range(0, 3).Select(hospital => new FakeAdjudication
        {
            Unary = request =>
            {
                sent.Add((hospital, ((SettleRequest)request).RequestId));
                return Task.FromResult<object>(Settled((SettleRequest)request));
            },
        })];

        double perSecond = await UnaryBench.MeasureAsync(
            hospitals, (hospital, number) => new SettleRequest { RequestId = $"{hospital}-{number}" }, visits: 30, callers: 7,
            CancellationToken.None);

        Assert.True(perSecond > 0);
        Assert.Equal(
            Enumerable.Range(0, 3).SelectMany(hospital => Enumerable.Range(0, 10).Select(number => (hospital, $"{hospital}-{number}"))),
            sent.Order());
    }

    [Theory]
    [InlineData(Decision.Refused, false)]
    [InlineData(Decision.Settled, true)]
    public async Task Measurement_in_which_a_visit_is_not_settled_anew_counts_for_nothing(Decision decision, bool replayed)
    {
        SettleReply reply = new() { RequestId = "R1", Decision = decision, Replayed = replayed, ReasonCode = "WHY" };
        FakeAdjudication hospital = new() { Unary = _ => Task.FromResult<object>(reply) };

        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => UnaryBench.MeasureAsync(
            [hospital], (_, _) => new SettleRequest(), visits: 1, callers: 1, CancellationToken.None));

        Assert.Equal(ExitCodes.Failed, failure.ExitCode);
        if (replayed) Assert.Equal([reply], RawStream.Decode([reply.ToByteArray()]));
        else Assert.Throws<InvalidOperationException>(() => RawStream.Decode([reply.ToByteArray()]).ToArray());
    }

    [Fact]
    public void Mix_cancels_and_repeats_what_was_answered_each_at_most_once()
    {
        HospitalSide hospitals = Hospitals(new Mix(Cancels: 0.1, Replays: 0.05));
        HashSet<string> taken = [];
        int cancels = 0;
        int replays = 0;
        for (int turn = 0; turn < 10_000; turn++)
        {
            Operation operation = hospitals.Next(0);
            if (operation.Cancel is { } cancel)
            {
                cancels++;
                Assert.True(taken.Add(cancel.OriginalRequestId));
                hospitals.Answered(new SettleReply { RequestId = cancel.RequestId, Decision = Decision.Cancelled });
                continue;
            }

            SettleReply reply = Settled(operation.Settle!);
            if (hospitals.Book.KnownOf(Traffic.Parse(reply.RequestId)!.Value.Number) == Known.Acknowledged)
            {
                replays++;
                Assert.True(taken.Add(reply.RequestId));
                reply.Replayed = true;
            }

            hospitals.Answered(reply);
        }

        Assert.InRange(cancels, 900, 1_100);
        Assert.InRange(replays, 430, 570);
        Assert.Equal((replays, 0, 0), (hospitals.Book.Replays, hospitals.Book.ReplaysThatDiffer, hospitals.Book.Unexpected));
    }

    private static HospitalSide Hospitals(Mix mix) => new(new AnswerBook(new Traffic(mix, insured: 1)), new LoadRecorder());

    private static async Task StreamAsync(HospitalSide hospitals, FakeAdjudication adjudication, int visits)
    {
        await using LoadStream stream = new(hospitals, new(adjudication), Window);
        for (int visit = 0; visit < visits; visit++)
        {
            await stream.WaitForRoomAsync(CancellationToken.None);
            await stream.SendAsync(hospitals.Next(0).Settle!, CancellationToken.None);
        }
    }

    private static SettleReply Settled(SettleRequest request) => new()
    {
        RequestId = request.RequestId,
        Decision = Decision.Settled,
        SettlementId = $"S-{request.RequestId}",
        TotalFen = request.TotalFen,
        CapFen = 30_000,
    };
}
