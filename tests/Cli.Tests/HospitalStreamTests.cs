using Claims.Cli.Demo;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

public sealed class HospitalStreamTests
{
    [Fact]
    public async Task Broken_stream_sends_again_what_was_not_answered_and_only_that()
    {
        List<string> received = [];
        FakeAdjudication adjudication = new()
        {
            Streamed = request =>
            {
                received.Add(request.RequestId);
                return received.Count == 3 ? throw new RpcException(new Status(StatusCode.Unavailable, "gone")) : Reply(request);
            },
        };
        List<string> answered = [];

        await StreamAsync(adjudication, [Visit("1"), Visit("2"), Visit("3"), Visit("4")], answered);

        Assert.Equal(["1", "2", "3", "4"], answered.Order(StringComparer.Ordinal));
        Assert.Equal(1, received.Count(id => id == "1"));
        Assert.Equal(1, received.Count(id => id == "2"));
        Assert.Equal(2, received.Count(id => id == "3"));
    }

    [Fact]
    public async Task Stream_that_ends_well_before_its_last_answer_is_opened_again()
    {
        int streamed = 0;
        List<string> answered = [];

        await StreamAsync(
            new FakeAdjudication { Streamed = request => ++streamed == 2 ? null : Reply(request) }, [Visit("1"), Visit("2")], answered);

        Assert.Equal(["1", "2"], answered);
        Assert.Equal(3, streamed);
    }

    [Fact]
    public async Task Request_that_is_sent_twice_is_answered_twice()
    {
        List<string> answered = [];

        await StreamAsync(new FakeAdjudication { Streamed = Reply }, [Visit("1"), Visit("1"), Visit("2")], answered);

        Assert.Equal(["1", "1", "2"], answered);
    }

    [Fact]
    public async Task Stream_that_keeps_breaking_is_given_up()
    {
        FakeAdjudication adjudication = new() { Streamed = _ => throw new RpcException(new Status(StatusCode.Internal, "broken")) };

        RpcException e = await Assert.ThrowsAsync<RpcException>(() => StreamAsync(adjudication, [Visit("1")], []));

        Assert.Equal(StatusCode.Internal, e.StatusCode);
    }

    private static Task StreamAsync(FakeAdjudication adjudication, SettleRequest[] visits, List<string> answered) =>
        new HospitalStream(
            new V1.Adjudication.AdjudicationClient(adjudication), visits, (request, _) =>
            {
                answered.Add(request.RequestId);
                return Task.CompletedTask;
            }).RunAsync(CancellationToken.None);

    private static SettleRequest Visit(string requestId) => new() { FacilityCode = "H1", InsuredId = "P1", RequestId = requestId };

    private static SettleReply Reply(SettleRequest request) =>
        new() { FacilityCode = request.FacilityCode, InsuredId = request.InsuredId, RequestId = request.RequestId };
}
