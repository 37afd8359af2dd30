using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Deploy.Tests.Dashboards;

/// <summary>Writes a dashboard in Grafana's classic schema, which every version since 9 reads.</summary>
internal static class DashboardJson
{
    private const int SchemaVersion = 39;
    private const int Columns = 24;
    private const int StatHeight = 4;
    private const int PanelHeight = 8;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        // As a person would write it: the file is no part of a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    public static string Write(Dashboard dashboard) => new JsonObject
    {
        ["uid"] = dashboard.Uid,
        ["title"] = dashboard.Title,
        ["description"] = dashboard.Description,
        ["tags"] = new JsonArray("claims"),
        ["timezone"] = "Asia/Shanghai",
        ["editable"] = false,
        ["graphTooltip"] = 1,
        ["refresh"] = "30s",
        ["schemaVersion"] = SchemaVersion,
        ["time"] = new JsonObject { ["from"] = "now-1h", ["to"] = "now" },
        ["links"] = Links(),
        ["templating"] = new JsonObject { ["list"] = Variables(dashboard) },
        ["panels"] = Panels(dashboard),
    }.ToJsonString(Options).ReplaceLineEndings("\n") + "\n";

    private static JsonArray Links() =>
    [
        new JsonObject
        {
            ["type"] = "dashboards",
            ["title"] = "看板",
            ["tags"] = new JsonArray("claims"),
            ["asDropdown"] = false,
            ["includeVars"] = true,
            ["keepTime"] = true,
        },
        new JsonObject { ["type"] = "link", ["title"] = "处置手册", ["url"] = "${runbooks}", ["targetBlank"] = true, ["icon"] = "doc" },
    ];

    private static JsonArray Variables(Dashboard dashboard)
    {
        JsonArray variables =
        [
            new JsonObject { ["type"] = "datasource", ["name"] = "datasource", ["label"] = "数据源", ["query"] = "prometheus" },
            Label("namespace", "命名空间", "label_values(claims_build_info, namespace)", all: true),
            Label("instance", "实例", "label_values(claims_build_info{namespace=~\"$namespace\"}, instance)", all: true),
        ];
        if (dashboard.FacilityChosen)
        {
            variables.Add(Label(
                "facility", "医疗机构", "label_values(claims_facility_answers_total{namespace=~\"$namespace\"}, facility)", all: false));
        }

        // Hidden; set it to where docs/runbooks.md is published.
        variables.Add(new JsonObject
        {
            ["type"] = "constant",
            ["name"] = "runbooks",
            ["hide"] = 2,
            ["query"] = "/public/claims/runbooks.html",
        });
        return variables;

        static JsonObject Label(string name, string label, string query, bool all)
        {
            JsonObject variable = new()
            {
                ["type"] = "query",
                ["name"] = name,
                ["label"] = label,
                ["datasource"] = Source(),
                ["definition"] = query,
                ["query"] = new JsonObject { ["query"] = query, ["refId"] = name },
                ["refresh"] = 2,
                ["sort"] = 1,
                ["multi"] = all,
                ["includeAll"] = all,
            };
            // Everything, and what has no such label too.
            if (all) variable["allValue"] = ".*";
            return variable;
        }
    }

    private static JsonArray Panels(Dashboard dashboard)
    {
        JsonArray panels = [];
        int id = 0;
        int top = 0;
        foreach (Row row in dashboard.Rows)
        {
            panels.Add(new JsonObject
            {
                ["id"] = ++id,
                ["type"] = "row",
                ["title"] = row.Title,
                ["collapsed"] = false,
                ["gridPos"] = Place(0, top++, Columns, 1),
                ["panels"] = new JsonArray(),
            });
            int left = 0;
            int height = 0;
            foreach (Panel panel in row.Panels)
            {
                if (left + panel.Width > Columns) (left, top, height) = (0, top + height, 0);
                int own = panel.Kind == PanelKind.Stat ? StatHeight : PanelHeight;
                JsonObject json = Json(panel, ++id);
                json["gridPos"] = Place(left, top, panel.Width, own);
                panels.Add(json);
                left += panel.Width;
                height = Math.Max(height, own);
            }

            top += height;
        }

        return panels;
    }

    private static JsonObject Place(int x, int y, int width, int height) =>
        new() { ["x"] = x, ["y"] = y, ["w"] = width, ["h"] = height };

    private static JsonObject Json(Panel panel, int id) => new()
    {
        ["id"] = id,
        ["type"] = Name(panel.Kind),
        ["title"] = panel.Title,
        ["description"] = panel.Description,
        ["datasource"] = Source(),
        ["targets"] = new JsonArray([.. panel.Queries.Select((query, index) => Target(panel, query, index))]),
        ["fieldConfig"] = new JsonObject { ["defaults"] = Field(panel), ["overrides"] = new JsonArray() },
        ["options"] = PanelOptions(panel),
    };

    private static JsonObject Target(Panel panel, Query query, int index) => new()
    {
        ["refId"] = ((char)('A' + index)).ToString(),
        ["datasource"] = Source(),
        ["expr"] = query.Expression,
        ["legendFormat"] = query.Legend,
        ["instant"] = query.Instant,
        ["range"] = !query.Instant,
        ["format"] = panel.Kind == PanelKind.Table ? "table" : "time_series",
    };

    private static JsonObject Field(Panel panel)
    {
        JsonObject field = new() { ["unit"] = Name(panel.Unit), ["color"] = new JsonObject { ["mode"] = "palette-classic" } };
        if (panel is { Unit: Unit.Ratio, Kind: PanelKind.BarGauge }) field["max"] = 1;
        if (panel.Unit is not (Unit.Yuan or Unit.Days or Unit.Months)) field["min"] = 0;
        if (panel.Thresholds is { } limits)
        {
            field["thresholds"] = Steps(limits);
            if (panel.Kind != PanelKind.TimeSeries) field["color"] = new JsonObject { ["mode"] = "thresholds" };
        }

        if (panel.Words.Count > 0)
        {
            field["mappings"] = new JsonArray(new JsonObject
            {
                ["type"] = "value",
                ["options"] = new JsonObject(panel.Words.Select(word => KeyValuePair.Create(
                    word.Key.ToString(CultureInfo.InvariantCulture), (JsonNode?)new JsonObject { ["text"] = word.Value }))),
            });
        }

        if (panel.Kind == PanelKind.TimeSeries)
        {
            field["custom"] = new JsonObject
            {
                ["drawStyle"] = "line",
                ["lineWidth"] = 1,
                ["fillOpacity"] = panel.Stacked ? 30 : 10,
                ["showPoints"] = "never",
                ["stacking"] = new JsonObject { ["mode"] = panel.Stacked ? "normal" : "none", ["group"] = "A" },
                ["thresholdsStyle"] = new JsonObject { ["mode"] = panel.Thresholds is null ? "off" : "line" },
            };
        }

        return field;
    }

    private static JsonObject Steps(Thresholds limits)
    {
        string[] colours = limits.LowIsBad ? ["red", "yellow", "green"] : ["green", "yellow", "red"];
        double[] from = limits.LowIsBad ? [limits.Critical, limits.Warning] : [limits.Warning, limits.Critical];
        return new JsonObject
        {
            ["mode"] = "absolute",
            ["steps"] = new JsonArray(
                new JsonObject { ["color"] = colours[0], ["value"] = null },
                new JsonObject { ["color"] = colours[1], ["value"] = from[0] },
                new JsonObject { ["color"] = colours[2], ["value"] = from[1] }),
        };
    }

    private static JsonObject PanelOptions(Panel panel) => panel.Kind switch
    {
        PanelKind.Stat => new JsonObject
        {
            ["reduceOptions"] = Last(),
            ["colorMode"] = panel.Thresholds is null ? "none" : "value",
            ["graphMode"] = "area",
            ["textMode"] = "auto",
        },
        PanelKind.BarGauge => new JsonObject { ["reduceOptions"] = Last(), ["orientation"] = "horizontal", ["displayMode"] = "basic" },
        PanelKind.TimeSeries => new JsonObject
        {
            ["legend"] = new JsonObject
            {
                ["displayMode"] = "list",
                ["placement"] = "bottom",
                ["showLegend"] = true,
                ["calcs"] = new JsonArray(),
            },
            ["tooltip"] = new JsonObject { ["mode"] = "multi", ["sort"] = "desc" },
        },
        _ => new JsonObject { ["showHeader"] = true, ["cellHeight"] = "sm" },
    };

    private static JsonObject Last() => new() { ["calcs"] = new JsonArray("lastNotNull"), ["fields"] = "", ["values"] = false };

    private static JsonObject Source() => new() { ["type"] = "prometheus", ["uid"] = "${datasource}" };

    private static string Name(PanelKind kind) => kind switch
    {
        PanelKind.Stat => "stat",
        PanelKind.TimeSeries => "timeseries",
        PanelKind.BarGauge => "bargauge",
        _ => "table",
    };

    private static string Name(Unit unit) => unit switch
    {
        Unit.PerSecond => "ops",
        Unit.Seconds => "s",
        Unit.Ratio => "percentunit",
        Unit.Bytes => "bytes",
        Unit.BytesPerSecond => "Bps",
        // Grafana's sign for the yen, and of the yuan.
        Unit.Yuan => "currencyJPY",
        Unit.Days => "suffix: 天",
        Unit.Months => "suffix: 个月",
        _ => "short",
    };
}
