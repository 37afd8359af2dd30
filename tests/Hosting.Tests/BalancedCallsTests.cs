using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;

namespace Hosting.Tests;

/// <summary>Calls to a name that stands for several servers, as that of a headless service does.</summary>
public sealed class BalancedCallsTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly string _directory = Directory.CreateTempSubdirectory("claims-balanced-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Calls_go_round_all_addresses_and_pass_over_one_that_is_gone()
    {
        int[] calls = [0, 0];
        await using InProcessService first = await InProcessService.StartAsync(Counting(calls, 0));
        await using InProcessService second = await InProcessService.StartAsync(Counting(calls, 1));
        StaticResolverFactory names = new(_ =>
            [new BalancerAddress("127.0.0.1", first.Grpc.Port), new BalancerAddress("127.0.0.1", second.Grpc.Port)]);
        using GrpcChannel channel = ClaimsChannel.Balanced(new Uri("http://adjudication:5101"), ClaimsChannel.CreateHandler(), names);
        Adjudication.AdjudicationClient client = new(channel);
        using CancellationTokenSource deadline = new(Deadline);

        // An address takes its turns once it is connected.
        while (calls[0] == 0 || calls[1] == 0) await SettleAsync();
        (calls[0], calls[1]) = (0, 0);
        for (int call = 0; call < 20; call++) await SettleAsync();
        Assert.Equal([10, 10], calls);

        await second.StopAsync();
        int answered = 0;
        while (answered < 20)
        {
            try
            {
                await SettleAsync();
                answered++;
            }
            catch (RpcException failure) when (ClaimsChannel.IsBroken(failure))
            {
                answered = 0;
            }
        }

        async Task SettleAsync() => await client.SettleAsync(new SettleRequest { FacilityCode = "H1" }, cancellationToken: deadline.Token);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("elsewhere", false)]
    public async Task Certificate_must_carry_the_name_whichever_of_its_addresses_is_called(string host, bool trusted)
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", host));
        string[] files = [.. authority.Issue("gateway", "gateway").Select(setting => setting.Split('=', 2)[1])];
        TlsSettings settings = new() { Certificate = files[0], Key = files[1], ClientCa = files[2] };
        using GrpcChannel channel = ClaimsChannel.Balanced(
            new Uri($"https://localhost:{callee.Grpc.Port}"), ClaimsChannel.CreateHandler(settings), new DnsResolverFactory(Deadline));

        using AsyncUnaryCall<SettleReply> call = new Adjudication.AdjudicationClient(channel)
            .SettleAsync(new SettleRequest { RequestId = "R1", FacilityCode = "H1" }, deadline: DateTime.UtcNow + Deadline);
        if (trusted)
            Assert.Equal("R1", (await call).RequestId);
        else
            Assert.Contains("certificate", (await Assert.ThrowsAsync<RpcException>(async () => await call)).Status.Detail,
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://adjudication-pods:5101", true)]
    [InlineData("http://127.0.0.1:5101", false)]
    [InlineData("http://localhost:5101", false)]
    public void Names_are_balanced_and_addresses_and_this_machine_are_not(string address, bool balanced)
    {
        using GrpcChannel channel = ClaimsChannel.To(address);

        // The target is an address's; a name that is to be asked for has none.
        Assert.Equal(balanced, channel.Target.Length == 0);
    }

    private static Behaviour Counting(int[] calls, int index) => new()
    {
        Settle = (request, _) =>
        {
            Interlocked.Increment(ref calls[index]);
            return Task.FromResult(new SettleReply { RequestId = request.RequestId });
        },
    };
}
