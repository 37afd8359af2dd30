using System.Diagnostics;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.Demo;
using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Faults;
using Claims.LoadTests.Chaos.Judging;
using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos;

/// <summary>What a run is asked for.</summary>
/// <param name="PerSecond">Operations of all hospitals together.</param>
/// <param name="Only">Kinds of faults; empty for all.</param>
/// <param name="Keep">Data and logs are left behind in any case.</param>
/// <param name="Rolling">Nothing but a rolling restart of services that are two of each.</param>
public sealed record ChaosOptions(
    TimeSpan Duration, int Seed, int PerSecond, IReadOnlyList<string> Only, bool Keep = false, bool Rolling = false)
{
    /// <summary>The kinds of faults that may be made.</summary>
    public IReadOnlyList<FaultKind> Kinds =>
    [
        .. FaultKinds.All.Where(kind => Rolling ? kind.Name == FaultKinds.Restarted : Only.Count == 0 || Only.Contains(kind.Name)),
    ];

    /// <param name="kinds">Those of them that can be made here.</param>
    public IReadOnlyList<Act> ScheduleOf(IReadOnlyList<FaultKind> kinds) =>
        Rolling ? Schedule.Rolling(Duration, ChaosSystem.InPairs) : Schedule.Of(Seed, Duration, kinds);
}

/// <summary>A fault that was done.</summary>
/// <param name="AgainSeconds">From its act's end until every call was answered again; null where an act after it was not reached.</param>
/// <param name="Unanswered">Attempts that had no answer during its act and until then.</param>
public sealed record DoneFault(double Second, string Kind, string Target, double Seconds, double AgainSeconds, long Unanswered);

/// <summary>What a run did and found.</summary>
/// <param name="LeftOut">What could not be done here, and why.</param>
/// <param name="Notes">What was seen: processes that ended by themselves and were started again, keys that were evicted.</param>
/// <param name="Outcomes">Answers by outcome or reason.</param>
/// <param name="Data">Where data and logs were left; null where they were removed.</param>
public sealed record ChaosResult(
    ChaosOptions Options, IReadOnlyList<Act> Schedule, IReadOnlyList<DoneFault> Faults, IReadOnlyList<string> LeftOut,
    IReadOnlyCollection<string> Notes, int NotReached, int Calls, int Keys, long Attempts, int LeftOpen, int Resolved,
    IReadOnlyDictionary<string, long> Outcomes, IReadOnlyDictionary<string, long> Unanswered, IReadOnlyCollection<string> Lost,
    IReadOnlyList<Check> Checks, double DrainSeconds, string? Data)
{
    public bool Holds => Checks.All(check => check.Holds);
}

/// <summary>One run from its start to the judgement.</summary>
public sealed class ChaosRun
{
    private static readonly TimeSpan DrainBound = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan QuietAfter = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan AgainBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly ChaosOptions _options;
    private readonly Action<string> _tell;
    private readonly Scene _scene;
    private readonly Stopwatch _clock = new();
    private readonly List<DoneFault> _done = [];
    private readonly List<string> _slow = [];

    private ChaosRun(ChaosOptions options, Scene scene, Action<string> tell)
    {
        _options = options;
        _scene = scene;
        _tell = tell;
    }

    public static async Task<ChaosResult> RunAsync(ChaosOptions options, Action<string> tell, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<FaultKind> kinds = options.Kinds;
        await using ChaosSystem system = await ChaosSystem.StartAsync(
            disks: kinds.Any(kind => kind.Name == FaultKinds.DiskFull), pairs: options.Rolling, tell, cancellationToken);
        List<string> leftOut = [];
        if (kinds.Any(kind => kind.Name == FaultKinds.DiskFull) && system.Disks.Count < 2)
        {
            kinds = [.. kinds.Where(kind => kind.Name != FaultKinds.DiskFull)];
            leftOut.Add($"{FaultKinds.DiskFull}: this user may not mount a disk of its own for a store");
        }

        IReadOnlyList<Act> schedule = options.ScheduleOf(kinds);
        foreach (PlannedFault fault in schedule.SelectMany(act => act.Faults)) tell($"  {Line(fault)}");
        using Services services = new(system.Layout);
        int people = HospitalGroup.People(options.PerSecond, options.Duration);
        await City.ImportAsync(services, people, cancellationToken);
        await using HospitalGroup hospitals = new(system, options.Seed, options.PerSecond, options.Duration);
        Operator operators = new(services, system.OperatorsAddresses, hospitals);
        ChaosRun run = new(options, new Scene(system, hospitals, operators), tell);
        ChaosResult? result = null;
        try
        {
            result = await run.RunAsync(schedule, kinds, services, cancellationToken) with { LeftOut = leftOut };
            return result with { Data = result.Holds && !options.Keep ? null : system.Layout.DataDirectory };
        }
        finally
        {
            // Whatever was found, or kept it from ending, can be looked at; what was interrupted cannot be of use.
            system.KeepData = options.Keep || (result is not { Holds: true } && !cancellationToken.IsCancellationRequested);
            if (system.KeepData) tell($"Data and logs are left in {system.Layout.DataDirectory}.");
        }
    }

    public static string Line(PlannedFault fault) => string.Create(CultureInfo.InvariantCulture,
        $"{fault.At.TotalSeconds,7:0.0} s  {fault.Kind} {fault.Target}{LastingOf(fault)}");

    private static string LastingOf(PlannedFault fault) => fault.Duration > TimeSpan.Zero
        ? string.Create(CultureInfo.InvariantCulture, $" for {fault.Duration.TotalSeconds:0.0} s")
        : "";

    private async Task<ChaosResult> RunAsync(
        IReadOnlyList<Act> schedule, IReadOnlyList<FaultKind> kinds, Services services, CancellationToken cancellationToken)
    {
        HospitalGroup hospitals = _scene.Hospitals;
        hospitals.Start();
        _clock.Start();
        int acts = 0;
        foreach (Act act in schedule)
        {
            if (_clock.Elapsed > _options.Duration) break;
            await WaitUntilAsync(act.At, cancellationToken);
            acts++;
            try
            {
                await PlayAsync(act, kinds, cancellationToken);
            }
            catch (CommandException e)
            {
                // What could not be put right is looked at as it is.
                _slow.Add($"{NameOf(act)}: {e.Message}");
                _tell(e.Message);
                hospitals.Resume();
                break;
            }
        }

        await WaitUntilAsync(_options.Duration, cancellationToken);
        _tell("healing, resolving what is open, waiting for the books …");
        await hospitals.StopAsync();
        await _scene.System.HealAsync(cancellationToken);
        int open = hospitals.Calls.Count(call => call.Reply is null);
        (int resolved, _) = await hospitals.ResolveAsync(cancellationToken);
        double drainSeconds = await DrainAsync(services, cancellationToken);
        await hospitals.RepeatAsync(cancellationToken);
        await DrainAsync(services, cancellationToken);

        _tell("reading the books and replaying them …");
        IReadOnlyList<string> apart = await _scene.Operator.CompareAsync(cancellationToken);
        Call[] calls = [.. hospitals.Calls];
        List<Check> own = [.. OwnChecks(apart, _slow, _done.Count)];
        if (_options.Rolling)
            own.AddRange(RollingChecks(_scene.System.Services, [.. _done.Select(fault => fault.Target)], calls, open, _options.Duration));
        Recording recording = await new RecordingReader(services, _scene.System.LedgerDatabase)
            .ReadAsync(calls, hospitals.Unexpected, own, cancellationToken);
        return new ChaosResult(
            _options, schedule, _done, [], _scene.Operator.Notes, schedule.Count - acts,
            calls.Length, calls.Select(call => call.Op.Key).Distinct().Count(),
            calls.Sum(call => (long)call.Attempts), open, resolved,
            calls.Where(call => call.Reply is not null)
                .CountBy(call => call.Reply!.Value.HasEffect ? call.Reply.Value.Outcome : call.Reply.Value.Reason)
                .ToDictionary(outcome => outcome.Key, outcome => (long)outcome.Value),
            hospitals.Unanswered, _scene.Operator.Lost, Judge.Of(recording, Tariffs.Shipped, ChinaTime.Today(TimeProvider.System)),
            drainSeconds, null);
    }

    /// <param name="apart">What differs between the store and the books.</param>
    /// <param name="slow">What did not come back in time.</param>
    internal static IEnumerable<Check> OwnChecks(IReadOnlyList<string> apart, IReadOnlyList<string> slow, int faults) =>
    [
        new("the store is what the books say", apart.Count == 0, apart.Count == 0 ? "32 shards" : string.Join("; ", apart)),
        new("every process comes back, and every call is answered again", slow.Count == 0,
            slow.Count == 0 ? $"{faults} faults" : string.Join("; ", slow)),
    ];

    /// <summary>What a rolling restart must show besides: every instance was restarted, and no retry had to be given up.</summary>
    /// <param name="restarted">One for each restart.</param>
    /// <param name="open">Calls that were given up.</param>
    internal static IEnumerable<Check> RollingChecks(
        IReadOnlyList<string> services, IReadOnlyList<string> restarted, Call[] calls, int open, TimeSpan duration)
    {
        string[] missing = [.. services.Except(restarted)];
        yield return new Check("every service was restarted", missing.Length == 0,
            missing.Length == 0 ? $"{restarted.Count} restarts of {services.Count} instances" : $"not {string.Join(", ", missing)}");
        Call[] underLoad = [.. calls.Where(call => !call.Final)];
        double perSecond = underLoad.Count(call => call.Op.Kind == OpKind.Settle) / duration.TotalSeconds;
        double[] seconds = [.. underLoad.Where(call => call is { LeftOpen: false, Reply: not null })
            .Select(call => Stopwatch.GetElapsedTime(call.FirstSentTicks, call.AnsweredTicks).TotalSeconds).Order()];
        yield return new Check("a repeat under the same id heals every error", open == 0 && seconds.Length > 0,
            string.Create(CultureInfo.InvariantCulture,
                $"{open} left open at {perSecond:0} visits/s; from the first attempt to the answer p50 {At(0.5):0.000} s, "
                    + $"p99 {At(0.99):0.0} s, longest {At(1):0.0} s"));

        double At(double share) => seconds.Length == 0 ? 0 : seconds[(int)(share * (seconds.Length - 1))];
    }

    /// <returns>How long it took; a backlog that stays is found by the judge.</returns>
    private async Task<double> DrainAsync(Services services, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        try
        {
            await PostedBooks.WaitAsync(services, DrainBound, cancellationToken);
        }
        catch (CommandException e)
        {
            _tell(e.Message);
        }

        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private async Task PlayAsync(Act act, IReadOnlyList<FaultKind> kinds, CancellationToken cancellationToken)
    {
        TimeSpan late = _clock.Elapsed - act.At;
        long unanswered = UnansweredAttempts();
        (PlannedFault Fault, double Began, double Ended)[] played = await Task.WhenAll(act.Faults.Select(async fault =>
        {
            await WaitUntilAsync(fault.At + late, cancellationToken);
            IFault one = kinds.First(kind => kind.Name == fault.Kind).Make(_scene, fault.Target);
            double began = _clock.Elapsed.TotalSeconds;
            _tell(string.Create(CultureInfo.InvariantCulture,
                $"{began,7:0.0} s  {fault.Kind} {fault.Target}  (answered {_scene.Hospitals.Answered:#,##0})"));
            await one.BeginAsync(cancellationToken);
            await Task.Delay(fault.Duration, cancellationToken);
            await one.EndAsync(cancellationToken);
            return (fault, began, _clock.Elapsed.TotalSeconds);
        }));
        await ReviveAsync(act, cancellationToken);
        double again = await AnsweredAgainAsync(act, cancellationToken);
        unanswered = UnansweredAttempts() - unanswered;
        foreach ((PlannedFault fault, double began, double ended) in played)
        {
            _done.Add(new DoneFault(
                Math.Round(began, 1), fault.Kind, fault.Target, Math.Round(ended - began, 1), Math.Round(again, 1), unanswered));
        }
    }

    private long UnansweredAttempts() => _scene.Hospitals.Unanswered.Values.Sum();

    /// <summary>Starts what has ended by itself, as whatever watches over processes would, and waits until all are ready.</summary>
    private async Task ReviveAsync(Act act, CancellationToken cancellationToken)
    {
        foreach (SystemProcess process in _scene.System.Processes.Values)
        {
            if (!process.IsRunning)
            {
                _scene.Operator.Note($"{process.Name} ended during {NameOf(act)}, and was started again");
                await ProcessFaults.StartAsync(_scene.System, process, cancellationToken);
            }
        }

        await RebuildWhereLostAsync(act, cancellationToken);
        foreach (SystemProcess process in _scene.System.Processes.Values)
        {
            try
            {
                await process.WaitUntilReadyAsync(cancellationToken);
            }
            catch (CommandException e)
            {
                _slow.Add($"after {NameOf(act)}: {e.Message}");
                _tell(e.Message);
            }
        }
    }

    /// <remarks>No fault but those that rebuild themselves should come to this.</remarks>
    private async Task RebuildWhereLostAsync(Act act, CancellationToken cancellationToken)
    {
        if (await ProcessDefinitions.LostStoreAsync(_scene.System.Layout, cancellationToken) is not { } why) return;
        _scene.Operator.Note($"rebuilt after {NameOf(act)}: {why}");
        await _scene.Operator.RebuildAsync(cancellationToken);
    }

    /// <summary>Until no attempt has failed for a while and some were answered.</summary>
    /// <returns>Seconds until the last one failed.</returns>
    private async Task<double> AnsweredAgainAsync(Act act, CancellationToken cancellationToken)
    {
        long ended = Stopwatch.GetTimestamp();
        long answered = _scene.Hospitals.Answered;
        while (true)
        {
            long last = Math.Max(ended, _scene.Hospitals.LastFailureTicks);
            if (Stopwatch.GetElapsedTime(last) >= QuietAfter && _scene.Hospitals.Answered > answered)
                return Stopwatch.GetElapsedTime(ended, last).TotalSeconds;
            if (Stopwatch.GetElapsedTime(ended) > AgainBound)
            {
                _slow.Add($"after {NameOf(act)} calls still failed for {AgainBound.TotalSeconds} s");
                return AgainBound.TotalSeconds;
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private async Task WaitUntilAsync(TimeSpan at, CancellationToken cancellationToken)
    {
        TimeSpan wait = at - _clock.Elapsed;
        if (wait > TimeSpan.Zero) await Task.Delay(wait, cancellationToken);
    }

    private static string NameOf(Act act) => string.Join(" and ", act.Faults.Select(fault => $"{fault.Kind} {fault.Target}"));
}
