using System.Diagnostics;
using System.Globalization;
using Grpc.Net.Client;

namespace Grpc.Tests;

/// <summary>Clients of another make against our server: one run of all cases, one result each.</summary>
public abstract class ForeignClientRun : IAsyncLifetime
{
    public static readonly string[] Names = [.. InteropCases.Names, "client_compressed_unary", "client_compressed_streaming"];

    private IReadOnlyDictionary<string, string?> _failures = new Dictionary<string, string?>(StringComparer.Ordinal);

    public async Task InitializeAsync()
    {
        await using TestServer server = await TestServer.StartAsync();
        _failures = await RunAsync(server.Address.Authority, string.Join(',', Names));
        await server.DisposeAsync();
        server.AssertNoErrors();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void AssertPassed(string name)
    {
        Assert.True(_failures.TryGetValue(name, out string? failure), $"{name} did not run.");
        Assert.True(failure is null, failure);
    }

    protected abstract Task<IReadOnlyDictionary<string, string?>> RunAsync(string address, string names);
}

public sealed class PythonClientRun : ForeignClientRun
{
    protected override async Task<IReadOnlyDictionary<string, string?>> RunAsync(string address, string names) =>
        await ForeignProcess.RunCasesAsync(await ForeignProcess.PythonWithGrpcAsync(),
            ["interop_client.py", address, ForeignProcess.DescriptorFile, names], ForeignProcess.InteropDirectory);
}

public sealed class NodeClientRun : ForeignClientRun
{
    protected override async Task<IReadOnlyDictionary<string, string?>> RunAsync(string address, string names)
    {
        string directory = await ForeignProcess.NodeWithGrpcAsync();
        string client = Path.Combine(ForeignProcess.InteropDirectory, "node", "interop_client.js");
        return await ForeignProcess.RunCasesAsync("node", [client, address, ForeignProcess.Proto, names], directory);
    }
}

public sealed class PythonClientTests(PythonClientRun run) : IClassFixture<PythonClientRun>
{
    public static TheoryData<string> Cases => [.. ForeignClientRun.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Interop_case_of_grpcio_client_against_own_server_passes(string name) => run.AssertPassed(name);
}

public sealed class NodeClientTests(NodeClientRun run) : IClassFixture<NodeClientRun>
{
    public static TheoryData<string> Cases => [.. ForeignClientRun.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Interop_case_of_grpc_js_client_against_own_server_passes(string name) => run.AssertPassed(name);
}

/// <summary>A grpcio server of the test service.</summary>
public sealed class PythonServer : IAsyncLifetime
{
    private Process? _process;

    public Uri Address { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _process = ForeignProcess.Start(await ForeignProcess.PythonWithGrpcAsync(), ["interop_server.py", ForeignProcess.DescriptorFile], ForeignProcess.InteropDirectory);
        string? port = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));
        if (port is null)
            throw new InvalidOperationException($"interop_server.py did not start.\n{await _process.StandardError.ReadToEndAsync()}");
        Address = new UriBuilder("http", "127.0.0.1", int.Parse(port, CultureInfo.InvariantCulture)).Uri;
    }

    public async Task DisposeAsync()
    {
        if (_process is null)
            return;
        _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
        }
        _process.Dispose();
    }
}

public sealed class PythonServerTests(PythonServer server) : IClassFixture<PythonServer>
{
    public static TheoryData<string> Cases => [.. InteropCases.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Interop_case_of_own_client_against_grpcio_server_passes(string name)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(server.Address);
        await InteropCases.RunAsync(name, channel).WaitAsync(TimeSpan.FromSeconds(20));
    }
}
