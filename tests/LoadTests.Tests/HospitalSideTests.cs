using System.Net;
using System.Text;
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
