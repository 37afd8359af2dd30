namespace Deploy.Tests.Dashboards;

/// <summary>PromQL in small pieces, with the reader's choice of namespace and instance in every selector.</summary>
internal static class Metric
{
    /// <summary>A series of our services.</summary>
    public static string Of(string name, params string[] labels) =>
        Select(name, ["namespace=~\"$namespace\"", "instance=~\"$instance\"", .. labels]);

    /// <summary>A series of an exporter, whose instance is a store's or a machine's.</summary>
    public static string Store(string name, params string[] labels) => Select(name, ["namespace=~\"$namespace\"", .. labels]);

    public static string Rate(string series) => $"rate({series}[$__rate_interval])";

    public static string Sum(string rate, string by = "") => by.Length == 0 ? $"sum({rate})" : $"sum by ({by}) ({rate})";

    /// <summary>Of a histogram of our services.</summary>
    public static string Quantile(double quantile, string histogram, string by = "") => FormattableString.Invariant(
        $"histogram_quantile({quantile}, sum by ({(by.Length == 0 ? "le" : "le, " + by)}) ({Rate(Of(histogram + "_bucket"))}))");

    public static string OrZero(string expression) => $"{expression} or vector(0)";

    private static string Select(string name, IEnumerable<string> labels) => $"{name}{{{string.Join(',', labels)}}}";
}
