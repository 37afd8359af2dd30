using System.Diagnostics;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Audit;
using Claims.Cli.Commands;
using Claims.Cli.Demo;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Invariants;
using Claims.LoadTests.Measuring;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Scenarios;

/// <summary>One scenario against a whole system of its own, from its start to the check of its books.</summary>
public static class ScenarioRunner
{
    private const double ProgressSeconds = 5;
    private static readonly TimeSpan PostedBound = TimeSpan.FromMinutes(60);
    private static readonly TimeSpan ListBound = TimeSpan.FromMinutes(30);

    /// <param name="tell">Takes one line per step.</param>
    /// <returns>Also where the books could not be read in the end: that is a check that does not hold, and the measurements are reported
    /// all the same.</returns>
    /// <exception cref="CommandException">The system does not start.</exception>
    public static async Task<RunResult> RunAsync(
        Scenario scenario, LoadOptions options, Action<string> tell, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        ArgumentNullException.ThrowIfNull(options);
        DateTimeOffset startedAt = TimeProvider.System.GetUtcNow();
        tell($"{scenario.Name}: {scenario.Description}");
        await using TemporarySystem system =
            await TemporarySystem.StartAsync($"load-{scenario.Name}", CityPolicy.Shipped, _ => { }, cancellationToken);
        using Services services = new(system.Layout);
        await new Workload(options.Insured).ImportAsync(services, cancellationToken);

        HospitalSide hospitals = new(new AnswerBook(new Traffic(scenario.Mix, options.Insured)), new LoadRecorder());
        Measurements measured;
        string machine;
        using (MachineNoise noise = MachineNoise.Listen())
        {
            measured = await MeasureAsync(scenario, options, system, hospitals, tell, cancellationToken);
            (LatencyHistogram late, double stolenPercent) = noise.End();
            machine = string.Create(
                CultureInfo.InvariantCulture,
                $"{Machine.Describe()}; meanwhile {stolenPercent:0} % of its processor time went to others, and a thread "
                    + $"woke {late.Percentile(99).TotalMilliseconds:0.0} ms late (p99)");
        }

        tell("checking the books …");
        IReadOnlyList<Check> invariants = await InvariantsAsync(services, hospitals.Book, cancellationToken);
        return new RunResult(
            scenario, options, startedAt, machine, measured, [.. scenario.Thresholds.Select(threshold => threshold(measured))], invariants);
    }

    private static async Task<Measurements> MeasureAsync(
        Scenario scenario, LoadOptions options, TemporarySystem system, HospitalSide hospitals, Action<string> tell,
        CancellationToken cancellationToken)
    {
        TimeSpan duration = options.Duration ?? scenario.Duration;
        LoadRecorder recorder = hospitals.Recorder;
        double told = 0;
        SystemSampler sampler = new(system.Layout, recorder, sample =>
        {
            if (sample.Second < told + ProgressSeconds) return;
            told = sample.Second;
            tell(ProgressLine(sample));
        });
        using LoadRun run = new(system, hospitals, sampler, options, tell);
        double from, to, posted;
        await using (sampler)
        {
            recorder.Begin("warm-up", counts: false);
            await scenario.Load.WarmUpAsync(run, scenario.WarmUp, cancellationToken);
            from = sampler.Elapsed.TotalSeconds;
            await scenario.Load.RunAsync(run, duration, cancellationToken);
            to = sampler.Elapsed.TotalSeconds;
            recorder.Begin("afterwards", counts: false);
            long ended = Stopwatch.GetTimestamp();
            await PostedBooks.WaitAsync(run.Services, PostedBound, cancellationToken);
            posted = Stopwatch.GetElapsedTime(ended).TotalSeconds;
        }

        LoadPhase[] phases = [.. recorder.Phases.Where(phase => phase.Sent > 0)];
        return new Measurements(
            phases, LoadPhase.Sum("all", phases.Where(phase => phase.Counts)), sampler.Samples, run.Marks, run.Figures, hospitals.Failures,
            from, to, posted);
    }

    private static string ProgressLine(Sample sample) => string.Create(
        CultureInfo.InvariantCulture,
        $"{sample.Second,6:0} s  sent {sample.Load.Sent / sample.Seconds,7:#,##0}/s  "
            + $"answered {sample.Load.Answered / sample.Seconds,7:#,##0}/s  p99 {sample.Load.P99Ms ?? 0,8:#,##0.0} ms  "
            + $"errors {sample.Load.Errors:#,##0}  waiting for the ledger {sample.WaitingForLedger:#,##0}");

    /// <returns>Where the books cannot be read, that this is so.</returns>
    internal static async Task<IReadOnlyList<Check>> InvariantsAsync(
        Services services, AnswerBook answers, CancellationToken cancellationToken)
    {
        try
        {
            return await CheckBooksAsync(services, answers, cancellationToken);
        }
        catch (CommandException e)
        {
            return [new Check("the books can be read", false, e.Message)];
        }
    }

    /// <remarks>Everything has been posted: the books do not move while they are read.</remarks>
    private static async Task<IReadOnlyList<Check>> CheckBooksAsync(
        Services services, AnswerBook answers, CancellationToken cancellationToken)
    {
        WholeSystem whole = new(answers);
        Ledger.LedgerClient ledger = new(services.Connect(services.Layout.LedgerAddress));
        try
        {
            using AsyncServerStreamingCall<SubLedgerEntry> entries =
                ledger.ListEntries(new ListEntriesRequest(), null, DateTime.UtcNow + ListBound, cancellationToken);
            while (await entries.ResponseStream.MoveNext(cancellationToken)) whole.Add(entries.ResponseStream.Current);
            using AsyncServerStreamingCall<InsuredYear> years =
                ledger.ListInsuredYears(new ListInsuredYearsRequest(), null, DateTime.UtcNow + ListBound, cancellationToken);
            while (await years.ResponseStream.MoveNext(cancellationToken)) whole.Add(years.ResponseStream.Current);
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", services.Layout.LedgerAddress, e);
        }

        TrialBalance balance = await LedgerTrialBalance.ReadAsync(services, cancellationToken);
        AuditReport audit = await LedgerVerify.VerifyAsync(services, new VerifyRequest(), PostedBound, cancellationToken);
        return whole.Judge(balance, audit);
    }
}
