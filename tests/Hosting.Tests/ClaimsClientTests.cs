using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Hosting.Tests;

public sealed class ClaimsClientTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Idempotent_call_is_sent_again_while_the_callee_is_unavailable()
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            GetAccumulators = (request, _) => Interlocked.Increment(ref calls) < 3
                ? throw new RpcException(new Status(StatusCode.Unavailable, "starting"))
                : Task.FromResult(new Accumulators { InsuredId = request.InsuredId }),
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);

        Accumulators reply = await caller.GetRequiredService<Adjudication.AdjudicationClient>().GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" });

        Assert.Equal("P1", reply.InsuredId);
        Assert.Equal(3, calls);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.Internal)]
    public async Task Call_that_is_not_idempotent_is_sent_once(StatusCode status)
    {
        int calls = 0;
        Behaviour behaviour = new()
        {
            Settle = (_, _) =>
            {
                Interlocked.Increment(ref calls);
                throw new RpcException(new Status(status, "no"));
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, Long);

        RpcException failed = await Assert.ThrowsAsync<RpcException>(async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));

        Assert.Equal(status, failed.StatusCode);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Silent_callee_is_deadline_exceeded_and_sees_the_call_cancelled()
    {
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Behaviour behaviour = new()
        {
            Settle = async (_, context) =>
            {
                await using CancellationTokenRegistration registration = context.CancellationToken.Register(() => cancelled.TrySetResult());
                await cancelled.Task;
                return new SettleReply();
            },
        };
        await using InProcessService callee = await InProcessService.StartAsync(behaviour);
        await using ServiceProvider caller = Caller(callee.Grpc, TimeSpan.FromMilliseconds(500));

        RpcException failed = await Assert.ThrowsAsync<RpcException>(async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));

        Assert.Equal(StatusCode.DeadlineExceeded, failed.StatusCode);
        await cancelled.Task.WaitAsync(Long);
    }

    [Fact]
    public async Task Dead_callee_is_unavailable_and_after_ten_calls_is_no_longer_called()
    {
        InProcessService callee = await InProcessService.StartAsync(new Behaviour());
        Uri address = callee.Grpc;
        await callee.DisposeAsync();
        await using ServiceProvider caller = Caller(address, Long);
        Adjudication.AdjudicationClient client = caller.GetRequiredService<Adjudication.AdjudicationClient>();

        RpcException last = null!;
        for (int call = 0; call < 11; call++) last = await Assert.ThrowsAsync<RpcException>(async () => await client.SettleAsync(new SettleRequest()));

        Assert.Equal(StatusCode.Unavailable, last.StatusCode);
        Assert.Contains("is not called for a moment", last.Status.Detail, StringComparison.Ordinal);
    }

    private static ServiceProvider Caller(Uri callee, TimeSpan timeout)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0"], "caller");
        builder.ReadSettings<SampleCaller>();
        builder.AddClaimsClient<Adjudication.AdjudicationClient>(Guid.NewGuid().ToString("N"), callee.ToString(), timeout, idempotent: [nameof(Adjudication.AdjudicationClient.GetAccumulators)]);
        return builder.Services.BuildServiceProvider();
    }

    private sealed class SampleCaller;
}
