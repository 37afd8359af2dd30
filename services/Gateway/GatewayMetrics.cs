using System.Diagnostics.Metrics;
using System.Globalization;

namespace Claims.Gateway;

/// <summary>What operators see of clinics' calls.</summary>
internal static class GatewayMetrics
{
    private static readonly Meter Meter = new("Claims.Gateway");
    private static readonly Counter<long> Answers =
        Meter.CreateCounter<long>("claims_gateway_answers_total", description: "Answers to clinics, by operation and HTTP status.");
    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram<double>(
        "claims_gateway_duration_seconds", "s", "From a request's head to its answer, its body's way included.");
    private static readonly Counter<long> HungUp =
        Meter.CreateCounter<long>("claims_gateway_hung_up_total",
        description: "Clinics whose connection was gone before their answer, by operation.");

    public static void Answered(string operation, int status, TimeSpan elapsed)
    {
        Answers.Add(1, new("operation", operation), new("status", status.ToString(CultureInfo.InvariantCulture)));
        Duration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
    }

    public static void CountHungUp(string operation) => HungUp.Add(1, new KeyValuePair<string, object?>("operation", operation));
}
