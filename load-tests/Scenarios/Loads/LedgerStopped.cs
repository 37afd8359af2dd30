using System.Diagnostics;
using System.Globalization;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios.Loads;

/// <summary>
/// The ledger is stopped, visits go on at full speed until as many as asked for are waiting or the time is over; then it is started
/// and has to catch up with nothing else to do.
/// </summary>
public sealed record LedgerStopped(Streams Streams) : Load
{
    public const string Waiting = "settlements that waited for the ledger";
    public const string CatchUpSeconds = "from the ledger's start until all were posted, s";
    public const string CatchUpPerSecond = "posted while catching up, /s";

    private static readonly TimeSpan PostedBound = TimeSpan.FromMinutes(60);

    public override string Shape => $"{Streams.Shape}; the ledger stopped meanwhile, and then started";

    public override async Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        await Streams.WarmUpAsync(run, duration, cancellationToken);
        await PostedBooks.WaitAsync(run.Services, PostedBound, cancellationToken);
    }

    public override async Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        await run.System.StopAsync(ProcessDefinitions.Ledger, cancellationToken);
        run.MarkNow("ledger stopped");
        LoadPhase stopped = run.Recorder.Begin("ledger stopped", counts: true);
        await Streams.SendAsync(run, duration, run.Options.Visits, cancellationToken);

        run.Recorder.Begin("catching up", counts: false);
        run.MarkNow(string.Create(CultureInfo.InvariantCulture, $"ledger started, {stopped.Answered:#,##0} settlements waiting"));
        long started = Stopwatch.GetTimestamp();
        await run.System.UpAsync(cancellationToken);
        await PostedBooks.WaitAsync(run.Services, PostedBound, cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        run.MarkNow("all posted");
        run.Figures[Waiting] = stopped.Answered;
        run.Figures[CatchUpSeconds] = seconds;
        run.Figures[CatchUpPerSecond] = stopped.Answered / seconds;
    }
}
