using System.Text.Json.Nodes;

namespace Deploy.Tests.Dashboards;

public sealed class DashboardTests
{
    /// <summary>Written anew by <c>deploy/grafana/make</c>.</summary>
    [Fact]
    public void Dashboards_in_the_repository_are_what_the_code_makes()
    {
        string folder = Path.Combine(Yaml.Root, "deploy", "grafana", "dashboards");
        if (Environment.GetEnvironmentVariable("CLAIMS_MAKE_DASHBOARDS") is { Length: > 0 })
        {
            Directory.CreateDirectory(folder);
            foreach (string file in Directory.GetFiles(folder, "*.json")) File.Delete(file);
            foreach (Dashboard dashboard in AllDashboards.All)
                File.WriteAllText(Path.Combine(folder, dashboard.Uid + ".json"), DashboardJson.Write(dashboard));
        }

        Assert.Equal(AllDashboards.All.Select(dashboard => dashboard.Uid + ".json").Order(StringComparer.Ordinal),
            Directory.GetFiles(folder).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal));
        Assert.All(AllDashboards.All, dashboard =>
            Assert.Equal(DashboardJson.Write(dashboard), File.ReadAllText(Path.Combine(folder, dashboard.Uid + ".json"))));
    }

    [Fact]
    public void Panels_say_what_they_show_in_which_unit_and_ask_in_the_readers_namespace()
    {
        Assert.Equal(["结算", "基金", "链路", "机构", "监管", "运行"], AllDashboards.All.Select(dashboard => dashboard.Title));
        foreach (Dashboard dashboard in AllDashboards.All)
        {
            Assert.Equal("概要", dashboard.Rows[0].Title);
            Assert.All(dashboard.Rows[0].Panels, panel => Assert.Equal(PanelKind.Stat, panel.Kind));
            Assert.All(dashboard.Rows.SelectMany(row => row.Panels), panel =>
            {
                Assert.EndsWith("。", panel.Description, StringComparison.Ordinal);
                Assert.All(panel.Queries, query => Assert.Equal(
                    Braces(query.Expression), query.Expression.Split("namespace=~\"$namespace\"").Length - 1));
            });
            JsonArray panels = JsonNode.Parse(DashboardJson.Write(dashboard))!["panels"]!.AsArray();
            Assert.All(panels.Where(panel => (string?)panel!["type"] != "row"), panel =>
                Assert.False(string.IsNullOrEmpty((string?)panel!["fieldConfig"]!["defaults"]!["unit"])));
            Assert.Equal(panels.Count, panels.Select(panel => (int)panel!["id"]!).Distinct().Count());
            AssertNothingOverlaps(dashboard.Title, panels);
        }

        static int Braces(string expression) => expression.Count(character => character == '{');
    }

    [Fact]
    public void Rates_are_over_the_interval_that_fits_the_time_that_is_shown()
    {
        Assert.DoesNotContain(Expressions, expression => System.Text.RegularExpressions.Regex.IsMatch(
            expression, @"\[\d", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1)));
        Assert.Contains(Expressions, expression => expression.Contains("[$__rate_interval]", StringComparison.Ordinal));
    }

    /// <summary>Every query of every panel.</summary>
    public static IEnumerable<string> Expressions =>
        AllDashboards.All.SelectMany(dashboard => dashboard.Rows).SelectMany(row => row.Panels).SelectMany(panel => panel.Queries)
            .Select(query => query.Expression);

    private static void AssertNothingOverlaps(string dashboard, JsonArray panels)
    {
        HashSet<(int X, int Y)> taken = [];
        foreach (JsonNode place in panels.Select(panel => panel!["gridPos"]!))
        {
            Assert.True((int)place["x"]! + (int)place["w"]! <= 24, dashboard);
            for (int x = (int)place["x"]!; x < (int)place["x"]! + (int)place["w"]!; x++)
            {
                for (int y = (int)place["y"]!; y < (int)place["y"]! + (int)place["h"]!; y++)
                    Assert.True(taken.Add((x, y)), $"{dashboard}: two panels at {x}, {y}");
            }
        }
    }
}
