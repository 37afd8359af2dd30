using System.Diagnostics;
using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Measuring;

/// <summary>What a process used at one moment.</summary>
/// <param name="Cores">Processor time since the last look over the time that has passed: 1 is a core at work all the time.</param>
public sealed record ProcessSample(double Cores, long ResidentBytes, int Handles);

/// <summary>A look at everything, once a second.</summary>
/// <param name="Second">Since the run began.</param>
/// <param name="Seconds">Since the look before.</param>
/// <param name="WaitingForLedger">Settled and not yet in the books; null where Adjudication did not say.</param>
/// <param name="Processes">By name; a process that does not run is absent.</param>
public sealed record Sample(double Second, double Seconds, SecondOfLoad Load, long? WaitingForLedger,
    IReadOnlyDictionary<string, ProcessSample> Processes);

/// <summary>Looks at load and processes once a second until it is disposed of.</summary>
public sealed class SystemSampler : IAsyncDisposable
{
    /// <summary>The process that sends the load, among the system's.</summary>
    public const string Generator = "generator";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(5);

    private readonly SystemLayout _layout;
    private readonly LoadRecorder _recorder;
    private readonly Action<Sample> _taken;
    private readonly Services _services;
    private readonly AdjudicationOperations.AdjudicationOperationsClient _operations;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<int, double> _cpuSeconds = [];
    private readonly List<Sample> _samples = [];
    private readonly Task _looking;
    private readonly long _begun = Stopwatch.GetTimestamp();

    /// <param name="taken">Takes each sample, for whoever watches.</param>
    public SystemSampler(SystemLayout layout, LoadRecorder recorder, Action<Sample> taken)
    {
        _layout = layout;
        _recorder = recorder;
        _taken = taken;
        _services = new Services(layout);
        _operations = new AdjudicationOperations.AdjudicationOperationsClient(_services.Connect(layout.AdjudicationOperatorsAddress));
        _looking = LookAsync();
    }

    /// <summary>Complete once it has been disposed of.</summary>
    public IReadOnlyList<Sample> Samples => _samples;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_begun);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking;
        _services.Dispose();
        _stop.Dispose();
    }

    private async Task LookAsync()
    {
        using PeriodicTimer timer = new(Interval);
        ReadProcesses(Interval.TotalSeconds);
        double last = Elapsed.TotalSeconds;
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                SecondOfLoad load = _recorder.CloseSecond();
                double now = Elapsed.TotalSeconds;
                Sample sample = new(now, now - last, load, await WaitingAsync(), ReadProcesses(now - last));
                last = now;
                _samples.Add(sample);
                _taken(sample);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed of.
        }
    }

    private async Task<long?> WaitingAsync()
    {
        try
        {
            Outbox outbox = await _operations.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow + CallBound, _stop.Token);
            return outbox.Shards.Sum(shard => shard.Sequence - shard.Committed);
        }
        catch (RpcException)
        {
            return null;
        }
    }

    private Dictionary<string, ProcessSample> ReadProcesses(double seconds)
    {
        Dictionary<string, ProcessSample> samples = [];
        SystemState state = SystemState.Read(_layout.StateFile);
        foreach (string process in ProcessDefinitions.StartOrder)
        {
            if (state.Running(process) is { } running && Read(running.Pid, seconds) is { } sample) samples[process] = sample;
        }

        samples[Generator] = Read(Environment.ProcessId, seconds)!;
        return samples;
    }

    /// <returns>Null where the process has ended meanwhile.</returns>
    private ProcessSample? Read(int pid, double seconds)
    {
        // The generator has started the others: it is counted without its children.
        if ((pid == Environment.ProcessId ? ProcessUse.Of(pid) : ProcessUse.TryOfTree(pid)) is not { } use) return null;
        double before = _cpuSeconds.GetValueOrDefault(pid, use.CpuSeconds);
        _cpuSeconds[pid] = use.CpuSeconds;
        return new ProcessSample(Math.Max(use.CpuSeconds - before, 0) / seconds, use.ResidentBytes, use.Handles);
    }
}
