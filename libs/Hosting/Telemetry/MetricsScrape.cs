using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Claims.Hosting;

/// <summary>What Prometheus reads. OpenTelemetry's own exporter for it is a pre-release.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class MetricsScrape : BaseExporter<Metric>, IPullMetricExporter
{
    private const int CollectTimeoutMilliseconds = 5_000;

    private readonly SemaphoreSlim _scraping = new(1);
    private string _text = "";

    /// <summary>Set by the reader; gathers everything and exports it here.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>All metrics as of now, in the exposition format; null when they could not be collected.</summary>
    public async Task<string?> ScrapeAsync(CancellationToken cancellationToken)
    {
        await _scraping.WaitAsync(cancellationToken);
        try
        {
            return Collect?.Invoke(CollectTimeoutMilliseconds) == true ? _text : null;
        }
        finally
        {
            _scraping.Release();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        _text = PrometheusText.Write(batch);
        return ExportResult.Success;
    }

    protected override void Dispose(bool disposing)
    {
        _scraping.Dispose();
        base.Dispose(disposing);
    }
}
