using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.Tests;

public sealed class HealthAndReflectionTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Health_check_follows_the_checks_of_each_service()
    {
        bool healthy = true;
        await using TestServer server = await StartWithHealthAsync(() => healthy);
        using GrpcChannel channel = server.Channel();
        Health.V1.Health.HealthClient client = new(channel);

        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest())).Status);
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest { Service = "store" })).Status);
        healthy = false;
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest())).Status);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = "store" })).Status);
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest { Service = "other" })).Status);
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(() => client.CheckAsync(new HealthCheckRequest { Service = "none" }).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task Health_watch_sends_the_status_now_and_every_change()
    {
        bool healthy = true;
        await using TestServer server = await StartWithHealthAsync(() => Volatile.Read(ref healthy));
        using GrpcChannel channel = server.Channel();
        Health.V1.Health.HealthClient client = new(channel);
        using AsyncServerStreamingCall<HealthCheckResponse> watch = client.Watch(new HealthCheckRequest { Service = "store" });
        using AsyncServerStreamingCall<HealthCheckResponse> unknown = client.Watch(new HealthCheckRequest { Service = "none" });

        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        Volatile.Write(ref healthy, false);
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Volatile.Write(ref healthy, true);
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(unknown));
    }

    [Fact]
    public async Task Health_watch_ends_with_not_serving_when_the_server_stops()
    {
        await using TestServer server = await StartWithHealthAsync(() => true);
        using GrpcChannel channel = server.Channel();
        using AsyncServerStreamingCall<HealthCheckResponse> watch = new Health.V1.Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        Task stopping = server.StopAsync(Limit);
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.False(await watch.ResponseStream.MoveNext().WaitAsync(Limit));
        await stopping;
    }

    [Fact]
    public async Task Reflection_lists_the_services_and_describes_them()
    {
        await using TestServer server = await StartWithReflectionAsync();
        using GrpcChannel channel = server.Channel();
        using AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();

        ServerReflectionResponse list = await AskAsync(call, new ServerReflectionRequest { ListServices = "" });
        Assert.Equal(["claims.grpctest.v1.TestService", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
            list.ListServicesResponse.Service.Select(service => service.Name));

        foreach (string symbol in new[] { "claims.grpctest.v1.TestService", "claims.grpctest.v1.TestService.EmptyCall", "claims.grpctest.v1.SimpleRequest", "claims.grpctest.v1.SimpleRequest.payload" })
        {
            ServerReflectionResponse found = await AskAsync(call, new ServerReflectionRequest { FileContainingSymbol = symbol });
            Assert.Equal("test.proto", FileDescriptorProto.Parser.ParseFrom(found.FileDescriptorResponse.FileDescriptorProto.Single()).Name);
        }
        ServerReflectionResponse byName = await AskAsync(call, new ServerReflectionRequest { FileByFilename = "test.proto" });
        Assert.Equal(V1.TestReflection.Descriptor.SerializedData, byName.FileDescriptorResponse.FileDescriptorProto.Single());
        Assert.Empty((await AskAsync(call, new ServerReflectionRequest { AllExtensionNumbersOfType = "claims.grpctest.v1.Empty" })).AllExtensionNumbersResponse.ExtensionNumber);

        ServerReflectionRequest[] unknown =
        [
            new() { FileContainingSymbol = "no.such.Symbol" }, new() { FileByFilename = "none.proto" }, new() { AllExtensionNumbersOfType = "no.such.Type" },
            new() { FileContainingExtension = new ExtensionRequest { ContainingType = "claims.grpctest.v1.Empty", ExtensionNumber = 1 } },
        ];
        foreach (ServerReflectionRequest request in unknown)
            Assert.Equal((int)StatusCode.NotFound, (await AskAsync(call, request)).ErrorResponse.ErrorCode);
        Assert.Equal((int)StatusCode.InvalidArgument, (await AskAsync(call, new ServerReflectionRequest())).ErrorResponse.ErrorCode);
    }

    [Fact]
    public async Task Reflection_v1alpha_answers_the_same()
    {
        await using TestServer server = await StartWithReflectionAsync();
        using GrpcChannel channel = server.Channel();
        using AsyncDuplexStreamingCall<Reflection.V1Alpha.ServerReflectionRequest, Reflection.V1Alpha.ServerReflectionResponse> call =
            new Reflection.V1Alpha.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new Reflection.V1Alpha.ServerReflectionRequest { FileContainingSymbol = "claims.grpctest.v1.TestService" });
        Assert.True(await call.ResponseStream.MoveNext().WaitAsync(Limit));
        Assert.Equal(V1.TestReflection.Descriptor.SerializedData, call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto.Single());
    }

    private static Task<TestServer> StartWithHealthAsync(Func<bool> healthy) => TestServer.StartAsync(
        builder =>
        {
            builder.Services.AddGrpcHealthChecks(options =>
                {
                    options.Services.Map("store", check => check.Tags.Contains("store"));
                    options.Services.Map("other", check => check.Name == "other");
                })
                .AddCheck("store", () => healthy() ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(), ["store"])
                .AddCheck("other", () => HealthCheckResult.Degraded());
            // A period below one second is refused by the framework.
            builder.Services.Configure<HealthCheckPublisherOptions>(options => (options.Delay, options.Period) = (TimeSpan.Zero, TimeSpan.FromSeconds(1)));
        },
        map: app => app.MapGrpcHealthChecksService());

    private static Task<TestServer> StartWithReflectionAsync() =>
        TestServer.StartAsync(builder => builder.Services.AddGrpcReflection(), map: app => app.MapGrpcReflectionService());

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        Assert.True(await watch.ResponseStream.MoveNext().WaitAsync(Limit));
        return watch.ResponseStream.Current.Status;
    }

    private static async Task<ServerReflectionResponse> AskAsync(AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call, ServerReflectionRequest request)
    {
        await call.RequestStream.WriteAsync(request);
        Assert.True(await call.ResponseStream.MoveNext().WaitAsync(Limit));
        return call.ResponseStream.Current;
    }
}
