using System.Globalization;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios.Loads;

/// <summary>
/// Open loop: visits come when they are due, each at the next of many clinics, over HTTP. Some lines drop before the answer; the latency
/// of such a visit counts from the moment at which it was due to the answer of its last repeat.
/// </summary>
/// <param name="Drops">Share of the operations, from 0 to 1.</param>
public sealed record Clinics(int Count, double PerSecond, double Drops) : Load
{
    public const string Dropped = "lines dropped before the answer";
    public const string FoundAgain = "of them, visits settled by then whose answer was found again";

    private const int CallsAtOnce = 256;

    // About as long as an answer takes: some lines drop before the request is there, some while it is settled, some with the answer on its
    // way.
    private static readonly TimeSpan LongestDrop = TimeSpan.FromMilliseconds(10);

    public override string Shape => string.Create(
        CultureInfo.InvariantCulture,
        $"{PerSecond:#,##0} arrivals a second over HTTP from {Count} clinics, whatever has been answered; {Drops:0.#%} of the lines drop");

    public override Task WarmUpAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken) =>
        SendAsync(run, duration, cancellationToken);

    public override async Task RunAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        run.Recorder.Begin("arrivals", counts: true);
        Clinic[] clinics = await SendAsync(run, duration, cancellationToken);
        run.Figures[Dropped] = clinics.Sum(clinic => clinic.Dropped);
        run.Figures[FoundAgain] = clinics.Sum(clinic => clinic.FoundAgain);
    }

    private async Task<Clinic[]> SendAsync(LoadRun run, TimeSpan duration, CancellationToken cancellationToken)
    {
        Clinic[] clinics = [.. Enumerable.Range(0, Count)
            .Select(_ => new Clinic(run.Hospitals, new Uri(run.System.Layout.GatewayAddress)))];
        using SemaphoreSlim calls = new(CallsAtOnce);
        try
        {
            await Pace.KeepAsync(RateProfile.Constant(PerSecond * run.Options.RateScale, duration), SendOneAsync, cancellationToken);
        }
        finally
        {
            for (int call = 0; call < CallsAtOnce; call++) await calls.WaitAsync(cancellationToken);
            foreach (Clinic clinic in clinics) clinic.Dispose();
        }

        return clinics;

        async Task SendOneAsync(long visit, long due)
        {
            Operation operation = run.Hospitals.Next(due);
            await calls.WaitAsync(cancellationToken);
            _ = CallAsync(clinics[visit % Count], operation, DropAfter((int)visit));
        }

        async Task CallAsync(Clinic clinic, Operation operation, TimeSpan? dropAfter)
        {
            try
            {
                await clinic.CallAsync(operation, dropAfter, cancellationToken);
            }
            finally
            {
                calls.Release();
            }
        }
    }

    // Another lot than that of the mix, which counts from 0.
    private TimeSpan? DropAfter(int visit) =>
        Traffic.LotOf(int.MaxValue - visit) is var lot && lot < Drops ? LongestDrop * (lot / Drops) : null;
}
