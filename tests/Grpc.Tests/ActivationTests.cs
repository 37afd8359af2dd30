using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Tests.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.Tests;

public sealed class ActivationTests
{
    [Theory]
    [InlineData(null, 3)]
    [InlineData(ServiceLifetime.Transient, 3)]
    [InlineData(ServiceLifetime.Scoped, 3)]
    [InlineData(ServiceLifetime.Singleton, 1)]
    public async Task Service_is_made_as_often_as_its_lifetime_says_and_disposed_as_often(ServiceLifetime? lifetime, int instances)
    {
        Lives lives = new();
        await using (TestServer server = await TestServer.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(lives);
                if (lifetime is { } known)
                    builder.Services.Add(new ServiceDescriptor(typeof(CountedService), typeof(CountedService), known));
            },
            map: app => app.MapGrpcService<CountedService>()))
        {
            using GrpcChannel channel = server.Channel();
            UnimplementedService.UnimplementedServiceClient client = new(channel);
            for (int call = 0; call < 3; call++)
                await client.UnimplementedCallAsync(new Empty());
            Assert.Equal(instances, lives.Made);
        }
        Assert.Equal(instances, lives.Disposed);
    }

    [Fact]
    public async Task Service_that_derives_from_no_generated_base_is_refused_when_mapped() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => TestServer.StartAsync(map: app => app.MapGrpcService<Lives>()));

    [Fact]
    public void Service_mapped_without_AddGrpc_is_refused()
    {
        WebApplication app = WebApplication.CreateSlimBuilder().Build();
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<TestServiceImplementation>());
        Assert.Contains("AddGrpc", failure.Message, StringComparison.Ordinal);
    }

    public sealed class Lives
    {
        private int _made;
        private int _disposed;

        public int Made => _made;
        public int Disposed => _disposed;

        public void Begin() => Interlocked.Increment(ref _made);
        public void End() => Interlocked.Increment(ref _disposed);
    }

    public sealed class CountedService : UnimplementedService.UnimplementedServiceBase, IDisposable
    {
        private readonly Lives _lives;

        public CountedService(Lives lives)
        {
            _lives = lives;
            lives.Begin();
        }

        public override Task<Empty> UnimplementedCall(Empty request, ServerCallContext context) => Task.FromResult(new Empty());
        public void Dispose() => _lives.End();
    }
}
