using Grpc.Net.Client;

namespace Grpc.Tests;

/// <summary>Our client against our server.</summary>
public sealed class OwnServerInteropTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public static TheoryData<string> Cases => [.. InteropCases.Names];

    public async Task InitializeAsync() => _server = await TestServer.StartAsync();

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _server.AssertNoErrors();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Interop_case_against_own_server_passes(string name)
    {
        using GrpcChannel channel = _server.Channel();
        await InteropCases.RunAsync(name, channel).WaitAsync(TimeSpan.FromSeconds(20));
    }
}
