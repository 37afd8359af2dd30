using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace Hosting.Tests;

/// <summary>The sample service as a process on free ports; killed on disposal if it still runs.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly TaskCompletionSource<JsonElement> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServiceProcess(Process process) => _process = process;

    public IReadOnlyCollection<string> Errors => _errors;

    public IEnumerable<JsonElement> Log => _output.Select(line => JsonDocument.Parse(line).RootElement);

    public Uri Grpc { get; private set; } = null!;

    public Uri Metrics { get; private set; } = null!;

    /// <summary>Not yet ready, perhaps never.</summary>
    public static ServiceProcess Launch(params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new("dotnet", ["exec", typeof(SampleService).Assembly.Location])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string inherited in start.Environment.Keys.Where(name => name.StartsWith("Claims__", StringComparison.OrdinalIgnoreCase))
            .ToList())
        {
            start.Environment.Remove(inherited);
        }

        foreach ((string name, string value) in environment) start.Environment[name] = value;
        ServiceProcess service = new(new Process { StartInfo = start, EnableRaisingEvents = true });
        service._process.OutputDataReceived += (_, line) => service.Take(line.Data);
        service._process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is not null) service._errors.Enqueue(line.Data);
        };
        service._process.Start();
        service._process.BeginOutputReadLine();
        service._process.BeginErrorReadLine();
        return service;
    }

    /// <summary>Ready on free ports, with every required setting.</summary>
    public static async Task<ServiceProcess> StartAsync(params (string Name, string Value)[] environment)
    {
        ServiceProcess service = Launch(
            [("Claims__Port", "0"), ("Claims__MetricsPort", "0"), ("Claims__Greeting", "hello"), .. environment]);
        Task ended = service._process.WaitForExitAsync();
        if (await Task.WhenAny(service._started.Task, ended).WaitAsync(Bound) == ended)
        {
            throw new InvalidOperationException($"The service ended: {string.Join(' ', service._errors)}");
        }

        JsonElement started = await service._started.Task;
        service.Grpc = new Uri(started.GetProperty("GrpcAddress").GetString()!);
        service.Metrics = new Uri(started.GetProperty("MetricsAddress").GetString()!);
        return service;
    }

    /// <summary>What it takes of the machine's memory now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public void Terminate()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<int> ExitCodeAsync()
    {
        using CancellationTokenSource bound = new(Bound);
        await _process.WaitForExitAsync(bound.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        JsonElement entry = JsonDocument.Parse(line).RootElement;
        if (entry.GetProperty("event").GetString() == "started") _started.TrySetResult(entry);
    }
}
