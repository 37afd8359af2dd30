using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Hosting.Tests;

public sealed class CallGuardTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Unforeseen_exception_is_internal_and_logged_without_personal_data()
    {
        await using InProcessService service =
            await InProcessService.StartAsync(new Behaviour { Settle = (_, _) => throw new InvalidDataException("secret detail") });
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Adjudication.AdjudicationClient client = new(channel);

        RpcException failed = await Assert.ThrowsAsync<RpcException>(async () => await client.SettleAsync(
            new SettleRequest { InsuredId = "410105198001011234", FacilityCode = "H41010000001", RequestId = "R1" }));

        Assert.Equal(StatusCode.Internal, failed.StatusCode);
        Assert.DoesNotContain("secret", failed.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(["/claims.v1.Adjudication/Settle failed for insured ***1234, facility H41010000001, request R1."], service.Log);
    }

    [Theory]
    [InlineData(MethodType.Unary, "Settle")]
    [InlineData(MethodType.DuplexStreaming, "SettleStream")]
    public async Task Message_that_cannot_be_read_is_an_invalid_argument_and_no_failure(MethodType type, string name)
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Marshaller<byte[]> bytes = Marshallers.Create(message => message, message => message);
        Method<byte[], byte[]> method = new(type, "claims.v1.Adjudication", name, bytes, bytes);
        byte[] garbage = [0xff, 0xff, 0xff];

        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            if (type is MethodType.Unary)
            {
                await channel.CreateCallInvoker().AsyncUnaryCall(method, null, new CallOptions(), garbage);
                return;
            }

            using AsyncDuplexStreamingCall<byte[], byte[]> call =
                channel.CreateCallInvoker().AsyncDuplexStreamingCall(method, null, new CallOptions());
            await call.RequestStream.WriteAsync(garbage);
            await call.ResponseStream.MoveNext(CancellationToken.None);
        });

        Assert.Equal((StatusCode.InvalidArgument, "A message is not one of the contract's: it cannot be read."),
            (refused.StatusCode, refused.Status.Detail));
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task Status_that_a_service_chose_passes_unchanged()
    {
        await using InProcessService service =
            await InProcessService.StartAsync(
            new Behaviour { Settle = (_, _) => throw new RpcException(new Status(StatusCode.Unavailable, "not now")) });
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await new Adjudication.AdjudicationClient(channel).SettleAsync(new SettleRequest()));

        Assert.Equal(new Status(StatusCode.Unavailable, "not now"), refused.Status);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task Caller_that_is_gone_is_no_failure_of_the_service()
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Behaviour behaviour = new()
        {
            Settle = async (_, context) =>
            {
                entered.SetResult();
                try
                {
                    await Task.Delay(Timeout.Infinite, context.CancellationToken);
                }
                finally
                {
                    left.SetResult();
                }

                return new SettleReply();
            },
        };
        await using InProcessService service = await InProcessService.StartAsync(behaviour);
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        using AsyncUnaryCall<SettleReply> call = new Adjudication.AdjudicationClient(channel).SettleAsync(new SettleRequest());
        await entered.Task.WaitAsync(Bound);

        call.Dispose();

        await left.Task.WaitAsync(Bound);
        await service.StopAsync().WaitAsync(Bound);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task Stream_whose_caller_is_gone_is_no_failure_of_the_service()
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using (GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc))
        {
            using AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = new Adjudication.AdjudicationClient(channel).SettleStream();
            await stream.RequestStream.WriteAsync(new SettleRequest { RequestId = "R1" });
            Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Bound));
        }

        await service.StopAsync().WaitAsync(Bound);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task Call_beyond_the_bound_is_resource_exhausted_until_one_ends()
    {
        HeldSettle held = new();
        await using InProcessService service =
            await InProcessService.StartAsync(held.Behaviour, configure: null, "--Claims:MaxConcurrentRequests=1");
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Adjudication.AdjudicationClient client = new(channel);
        using AsyncUnaryCall<SettleReply> first = client.SettleAsync(new SettleRequest { RequestId = "first" });
        await held.Entered.WaitAsync(Bound);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await client.GetAccumulatorsAsync(new GetAccumulatorsRequest()));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);

        held.Release();
        Assert.Equal("first", (await first).RequestId);
        Assert.Equal("P1", (await client.GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" })).InsuredId);
    }

    [Fact]
    public async Task Call_that_fails_gives_its_place_back_and_is_counted()
    {
        await using InProcessService service = await InProcessService.StartAsync(
            new Behaviour { Settle = (_, _) => throw new InvalidDataException("broken") }, configure: null,
            "--Claims:MaxConcurrentRequests=1");
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Adjudication.AdjudicationClient client = new(channel);

        for (int call = 0; call < 3; call++)
            Assert.Equal(StatusCode.Internal,
                (await Assert.ThrowsAsync<RpcException>(async () => await client.SettleAsync(new SettleRequest()))).StatusCode);

        Assert.Equal("P1", (await client.GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = "P1" })).InsuredId);
        using HttpClient scraper = new();
        Exposition metrics = Exposition.Parse(await scraper.GetStringAsync(new Uri(service.Metrics, "/metrics")));
        Assert.Equal(3, metrics.Value("claims_calls_failed_total"));
    }

    [Fact]
    public void Calls_in_progress_are_counted_up_to_the_bound_and_those_beyond_it_as_turned_away()
    {
        using Measured measured = new("Claims.Hosting", ofThisThread: true);
        CallsInProgress calls = new(new HostSettings { MaxConcurrentRequests = 2 });

        Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(_ => calls.TryBegin()));
        Assert.Equal((2, 2), (measured.Sum("claims_calls_in_progress"), measured.Sum("claims_calls_turned_away_total")));

        calls.End();
        Assert.Equal(1, measured.Sum("claims_calls_in_progress"));
        Assert.True(calls.TryBegin());
        Assert.False(calls.TryBegin());
        calls.End();
        calls.End();
        Assert.Equal((0, 3), (measured.Sum("claims_calls_in_progress"), measured.Sum("claims_calls_turned_away_total")));
    }

    [Fact]
    public async Task Subscription_ends_unavailable_at_once_when_the_service_stops()
    {
        await using InProcessService service =
            await InProcessService.StartAsync(new Behaviour(), configure: null, "--Claims:DrainSeconds=300");
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        using AsyncServerStreamingCall<Watermarks> watch = new Ledger.LedgerClient(channel).WatchWatermarks(new WatchWatermarksRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));

        Task stop = service.StopAsync();

        RpcException ended = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(CancellationToken.None))
            .WaitAsync(Bound);
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);
        await stop.WaitAsync(Bound);
    }

    [Fact]
    public async Task Stream_of_requests_gets_every_answer_owed_then_unavailable_when_the_service_stops()
    {
        HeldSettle held = new();
        await using InProcessService service =
            await InProcessService.StartAsync(held.Behaviour, configure: null, "--Claims:DrainSeconds=300");
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = new Adjudication.AdjudicationClient(channel).SettleStream();
        await stream.RequestStream.WriteAsync(new SettleRequest { RequestId = "owed" });
        await held.Entered.WaitAsync(Bound);

        Task stop = service.StopAsync();
        held.Release();

        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Bound));
        Assert.Equal("owed", stream.ResponseStream.Current.RequestId);
        RpcException ended = await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None))
            .WaitAsync(Bound);
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);
        await stop.WaitAsync(Bound);
    }

    [Fact]
    public async Task Upload_that_is_under_way_when_the_service_stops_is_read_to_its_end()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Behaviour behaviour = new()
        {
            Import = async chunks =>
            {
                ImportReply reply = new();
                while (await chunks.MoveNext(CancellationToken.None))
                {
                    reply.Rows++;
                    begun.TrySetResult();
                }

                return reply;
            },
        };
        await using InProcessService service = await InProcessService.StartAsync(behaviour, configure: null, "--Claims:DrainSeconds=300");
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        using AsyncClientStreamingCall<ImportChunk, ImportReply> upload = new Eligibility.EligibilityClient(channel).Import();
        await upload.RequestStream.WriteAsync(new ImportChunk());
        await begun.Task.WaitAsync(Bound);

        service.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        Task stop = service.StopAsync();
        await upload.RequestStream.WriteAsync(new ImportChunk());
        await upload.RequestStream.CompleteAsync();

        Assert.Equal(2, (await upload.ResponseAsync.WaitAsync(Bound)).Rows);
        await stop.WaitAsync(Bound);
    }

    /// <summary>A settlement that is under way until it is released.</summary>
    private sealed class HeldSettle
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Behaviour Behaviour => new()
        {
            Settle = async (request, _) =>
            {
                _entered.TrySetResult();
                await _released.Task;
                return new SettleReply { RequestId = request.RequestId };
            },
        };

        public Task Entered => _entered.Task;

        public void Release() => _released.SetResult();
    }
}
