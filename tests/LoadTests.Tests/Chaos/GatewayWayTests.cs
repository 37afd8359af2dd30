using System.Net;
using System.Text;
using Claims.LoadTests.Chaos.Calls;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.LoadTests.Tests.Chaos;

public sealed class GatewayWayTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(429, true)]
    [InlineData(503, true)]
    [InlineData(504, true)]
    [InlineData(500, false)]
    [InlineData(400, false)]
    public async Task Status_is_to_be_asked_again_only_where_the_contract_says_so(int status, bool passing)
    {
        Exception thrown = (await Record.ExceptionAsync(() => AskAsync(OpKind.Settle, status, new SettleReply())))!;

        Assert.IsType(passing ? typeof(NoAnswerException) : typeof(RpcException), thrown);
        Assert.Contains($"HTTP {status}", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_kind_of_request_goes_to_its_own_path()
    {
        SettleReply cancelled = new() { Decision = Decision.Cancelled };
        ReverseReply nothing = new() { Outcome = ReverseReply.Types.Outcome.NothingToUndo };

        Assert.Equal(("/v1/settle", Reply.Settled), await AskAsync(OpKind.Settle, 200, new SettleReply { Decision = Decision.Settled }));
        Assert.Equal(("/v1/cancel", Reply.Cancelled), await AskAsync(OpKind.Cancel, 200, cancelled));
        Assert.Equal(("/v1/reverse", Reply.NothingToUndo), await AskAsync(OpKind.Reverse, 200, nothing));
    }

    private static async Task<(string Path, string Outcome)> AskAsync(OpKind kind, int status, IMessage reply)
    {
        string address = $"http://127.0.0.1:{FreePort.Take(1)}/";
        using HttpListener gateway = new() { Prefixes = { address } };
        gateway.Start();
        await using GatewayWay way = new(address);
        Op op = new(kind, new RequestKey("410105000000001", City.FacilityCode(1), "R1"), new DateOnly(2025, 1, 3), 100, Target: "R0");

        Task<Reply> asking = way.AskAsync(op, Bound, CancellationToken.None);
        HttpListenerContext asked = await gateway.GetContextAsync().WaitAsync(Bound);
        asked.Response.StatusCode = status;
        asked.Response.Close(Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(reply)), willBlock: true);
        return (asked.Request.Url!.AbsolutePath, (await asking).Outcome);
    }
}
