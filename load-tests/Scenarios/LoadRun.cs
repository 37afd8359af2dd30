using Claims.Cli;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;

namespace Claims.LoadTests.Scenarios;

/// <summary>What a run is asked for on the command line.</summary>
/// <param name="Duration">Null: the scenario's own.</param>
/// <param name="RateScale">Multiplies every rate of arrivals; closed loops go as fast as they go.</param>
/// <param name="Visits">How many settlements the outage of the ledger lasts for.</param>
public sealed record LoadOptions(TimeSpan? Duration, double RateScale, int Insured, int Visits);

/// <summary>Something that was done to the system while it was under load.</summary>
/// <param name="Second">Since the run began.</param>
public sealed record Mark(double Second, string Text);

/// <summary>What a load works with.</summary>
public sealed class LoadRun(TemporarySystem system, HospitalSide hospitals, SystemSampler sampler, LoadOptions options, Action<string> tell)
    : IDisposable
{
    private readonly List<Mark> _marks = [];
    private readonly Lock _connecting = new();
    private readonly Services _services = new(system.Layout);

    public TemporarySystem System { get; } = system;

    public HospitalSide Hospitals { get; } = hospitals;

    public LoadRecorder Recorder { get; } = hospitals.Recorder;

    public LoadOptions Options { get; } = options;

    public IReadOnlyList<Mark> Marks => _marks;

    /// <summary>Figures that only this load has, by the name under which the report shows them.</summary>
    public Dictionary<string, double> Figures { get; } = [];

    public Services Services => _services;

    /// <summary>Over a connection of its own.</summary>
    public V1.Adjudication.AdjudicationClient Connect()
    {
        lock (_connecting) return new(_services.Connect(System.Layout.AdjudicationAddress));
    }

    public void MarkNow(string text)
    {
        _marks.Add(new Mark(sampler.Elapsed.TotalSeconds, text));
        tell(text);
    }

    public void Dispose() => _services.Dispose();
}
