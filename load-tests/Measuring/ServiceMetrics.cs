using System.Globalization;

namespace Claims.LoadTests.Measuring;

/// <summary>What a service says of itself on its metrics port.</summary>
public sealed class ServiceMetrics : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    /// <summary>The sum over all series of a name, such as <c>claims_batch_visits_sum</c>; 0 while there is none.</summary>
    public async Task<double> SumAsync(int metricsPort, string name, CancellationToken cancellationToken)
    {
        string text = await _http.GetStringAsync(new Uri($"http://127.0.0.1:{metricsPort}/metrics"), cancellationToken);
        return text.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is ' ' or '{')
            .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }

    public void Dispose() => _http.Dispose();
}
