using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Claims.Hosting;

/// <summary>Writes metrics in Prometheus' text exposition format 0.0.4: every family once, its samples together, no series twice.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(in Batch<Metric> metrics)
    {
        // Two meters may carry an instrument of the same name: they share the family.
        SortedDictionary<string, Family> families = new(StringComparer.Ordinal);
        foreach (Metric metric in metrics)
        {
            string kind = Kind(metric.MetricType);
            string name = FamilyName(metric.Name, metric.Unit, kind);
            if (!families.TryGetValue(name, out Family? family))
            {
                families.Add(name, family = new Family(
                    kind, string.IsNullOrWhiteSpace(metric.Description) ? metric.Name : metric.Description));
            }

            // A gauge and a counter of one name cannot both be shown; the first keeps it.
            if (family.Kind == kind) family.Metrics.Add(metric);
        }

        StringBuilder text = new(16 * 1024);
        HashSet<string> series = new(StringComparer.Ordinal);
        foreach ((string name, Family family) in families)
        {
            text.Append("# HELP ").Append(name).Append(' ').Append(EscapeHelp(family.Help)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(' ').Append(family.Kind).Append('\n');
            series.Clear();
            foreach (Metric metric in family.Metrics) WritePoints(text, name, metric, series);
        }

        return text.ToString();
    }

    private static void WritePoints(StringBuilder text, string name, Metric metric, HashSet<string> series)
    {
        foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
        {
            string labels = Labels(point.Tags);
            if (!series.Add(labels)) continue;
            switch (metric.MetricType)
            {
                case MetricType.Histogram:
                    WriteHistogram(text, name, labels, point);
                    break;
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    Sample(text, name, labels, point.GetSumLong());
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    Sample(text, name, labels, point.GetSumDouble());
                    break;
                case MetricType.LongGauge:
                    Sample(text, name, labels, point.GetGaugeLastValueLong());
                    break;
                case MetricType.DoubleGauge:
                    Sample(text, name, labels, point.GetGaugeLastValueDouble());
                    break;
            }
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, string labels, in MetricPoint point)
    {
        string separator = labels.Length == 0 ? "" : ",";
        long cumulative = 0;
        foreach (HistogramBucket bucket in point.GetHistogramBuckets())
        {
            cumulative += bucket.BucketCount;
            Sample(text, name + "_bucket", $"{labels}{separator}le=\"{Number(bucket.ExplicitBound)}\"", cumulative);
        }

        Sample(text, name + "_sum", labels, point.GetHistogramSum());
        Sample(text, name + "_count", labels, point.GetHistogramCount());
    }

    private static void Sample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Labels(ReadOnlyTagCollection tags)
    {
        SortedDictionary<string, string> labels = new(StringComparer.Ordinal);
        foreach ((string key, object? value) in tags)
        {
            string name = Sanitise(key, colonAllowed: false);
            string label = value switch
            {
                null => "",
                bool flag => flag ? "true" : "false",
                _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
            };
            // Two tags that differ only in characters that labels cannot hold: both are kept.
            labels[name] = labels.TryGetValue(name, out string? earlier) ? $"{earlier};{label}" : label;
        }

        return string.Join(',', labels.Select(label => $"{label.Key}=\"{EscapeLabel(label.Value)}\""));
    }

    private static string FamilyName(string instrument, string? unit, string kind)
    {
        string name = Sanitise(instrument, colonAllowed: true);
        bool total = kind == "counter";
        if (total && name.EndsWith("_total", StringComparison.Ordinal)) name = name[..^"_total".Length];
        string suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            "1" when kind == "gauge" => "_ratio",
            _ => "",
        };
        if (!name.EndsWith(suffix, StringComparison.Ordinal)) name += suffix;
        return total ? name + "_total" : name;
    }

    private static string Sanitise(string name, bool colonAllowed)
    {
        StringBuilder clean = new(name.Length + 1);
        foreach (char character in name)
        {
            bool allowed = char.IsAsciiLetterOrDigit(character) || character == '_' || (colonAllowed && character == ':');
            clean.Append(allowed ? character : '_');
        }

        if (clean.Length == 0 || char.IsAsciiDigit(clean[0])) clean.Insert(0, '_');
        return clean.ToString();
    }

    private static string Kind(MetricType type) => type switch
    {
        MetricType.Histogram => "histogram",
        MetricType.LongSum or MetricType.DoubleSum => "counter",
        MetricType.LongSumNonMonotonic or MetricType.DoubleSumNonMonotonic or MetricType.LongGauge or MetricType.DoubleGauge => "gauge",
        _ => "untyped",
    };

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN"
        : double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);

    private static string EscapeHelp(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string EscapeLabel(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);

    private sealed record Family(string Kind, string Help)
    {
        public List<Metric> Metrics { get; } = [];
    }
}
