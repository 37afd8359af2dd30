namespace Deploy.Tests.Dashboards;

/// <summary>A dashboard as it is thought of; <see cref="DashboardJson"/> says it in Grafana's words.</summary>
/// <param name="Uid">Stable: links and bookmarks hold on to it.</param>
/// <param name="FacilityChosen">Whether it is about one facility, which the reader picks.</param>
internal sealed record Dashboard(string Uid, string Title, string Description, IReadOnlyList<Row> Rows, bool FacilityChosen = false);

internal sealed record Row(string Title, IReadOnlyList<Panel> Panels);

/// <param name="Description">What it shows and when to worry.</param>
/// <param name="Thresholds">Null: no colour means anything.</param>
internal sealed record Panel(
    PanelKind Kind, string Title, string Description, Unit Unit, IReadOnlyList<Query> Queries, Thresholds? Thresholds = null)
{
    /// <summary>Of 24 columns.</summary>
    public int Width { get; init; } = Kind == PanelKind.Stat ? 4 : 8;

    public bool Stacked { get; init; }

    /// <summary>What numbers mean, where they are states.</summary>
    public IReadOnlyDictionary<int, string> Words { get; init; } = new Dictionary<int, string>();
}

internal enum PanelKind
{
    Stat,
    TimeSeries,
    BarGauge,
    Table,
}

/// <summary>By Grafana's names for them.</summary>
internal enum Unit
{
    Count,
    PerSecond,
    Seconds,
    Ratio,
    Bytes,
    BytesPerSecond,
    Yuan,
    Days,
    Months,
}

/// <param name="Legend">Grafana's template, such as <c>{{job}}</c>.</param>
internal sealed record Query(string Expression, string Legend, bool Instant = false);

/// <param name="Warning">From here yellow.</param>
/// <param name="Critical">From here red.</param>
/// <param name="LowIsBad">Below instead of above.</param>
internal sealed record Thresholds(double Warning, double Critical, bool LowIsBad = false);
