using System.Data.Common;
using System.Globalization;
using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>What `up --observe` starts beside the system: Debian's Prometheus, Alertmanager and exporters, and Grafana where it is
/// installed.</summary>
public static class Observers
{
    public const string Prometheus = "prometheus";
    public const string Alertmanager = "alertmanager";
    public const string RedisExporter = "redis-exporter";
    public const string PostgresExporter = "postgres-exporter";
    public const string NodeExporter = "node-exporter";
    public const string Grafana = "grafana";

    /// <summary>In the order in which they start.</summary>
    public static readonly IReadOnlyList<string> StartOrder =
        [RedisExporter, PostgresExporter, NodeExporter, Alertmanager, Prometheus, Grafana];

    private const string GrafanaProgram = "grafana-server";
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Grafana is in no Debian package.</summary>
    public static bool HasGrafana => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin")
        .Any(directory => File.Exists(Path.Combine(directory, GrafanaProgram)));

    /// <summary>The port of an observer; null for the system's own processes.</summary>
    public static int? PortOf(SystemLayout layout, string process) => process switch
    {
        Prometheus => layout.PrometheusPort,
        Alertmanager => layout.AlertmanagerPort,
        Grafana => layout.GrafanaPort,
        TracesDashboard.Name => layout.TracesPort,
        RedisExporter => layout.RedisExporterPort,
        PostgresExporter => layout.PostgresExporterPort,
        NodeExporter => layout.NodeExporterPort,
        _ => null,
    };

    /// <summary>Those that can be started here.</summary>
    /// <exception cref="PrivateServerException">One that Debian has is not installed; the message names its package.</exception>
    public static IReadOnlyList<string> Installed()
    {
        foreach (string program in StartOrder.Where(process => process != Grafana).Select(ProgramOf)) _ = Programs.Find(program, program);
        return [.. StartOrder.Where(process => process != Grafana || HasGrafana)];
    }

    /// <summary>What watches a system whose stores run.</summary>
    public static IReadOnlyList<ProcessDefinition> Definitions(SystemLayout layout)
    {
        DbConnectionStringBuilder postgres = new()
        {
            ConnectionString = PrivatePostgres.Attach(layout.PostgresDirectory, layout.PostgresPort).ConnectionString("ledger"),
        };
        string redisPassword = PrivateRedis.Attach(layout.RedisDirectory, layout.RedisPort).Configuration.Split("password=")[1];
        List<ProcessDefinition> definitions =
        [
            Define(layout, RedisExporter, ["-web.listen-address", Address(layout.RedisExporterPort)], new()
            {
                ["REDIS_ADDR"] = $"redis://{Address(layout.RedisPort)}",
                ["REDIS_PASSWORD"] = redisPassword,
            }),
            Define(layout, PostgresExporter,
                [$"--web.listen-address={Address(layout.PostgresExporterPort)}"], new()
            {
                ["DATA_SOURCE_URI"] = $"{Address(layout.PostgresPort)}/ledger?sslmode=disable",
                ["DATA_SOURCE_USER"] = (string)postgres["Username"],
                ["DATA_SOURCE_PASS"] = (string)postgres["Password"],
            }),
            Define(layout, NodeExporter, [$"--web.listen-address={Address(layout.NodeExporterPort)}"], []),
            Define(layout, Alertmanager,
                [
                    $"--config.file={Path.Combine(Deployed, "prometheus", "alertmanager.yml")}",
                    $"--storage.path={Folder(layout, Alertmanager)}",
                    $"--web.listen-address={Address(layout.AlertmanagerPort)}",
                    // Without a port for others of its kind.
                    "--cluster.listen-address=",
                ], []),
            Define(layout, Prometheus,
                [
                    $"--config.file={Write(layout, "prometheus.yml", ScrapeConfiguration(layout))}",
                    $"--storage.tsdb.path={Folder(layout, Prometheus)}", "--storage.tsdb.retention.time=7d",
                    $"--web.listen-address={Address(layout.PrometheusPort)}",
                ], []),
        ];
        if (HasGrafana) definitions.Add(GrafanaServer(layout));
        return definitions;
    }

    /// <summary>Whether the observer of this name answers now.</summary>
    public static async Task<bool> IsReadyAsync(SystemLayout layout, string process, CancellationToken cancellationToken)
    {
        string path = process switch
        {
            Prometheus or Alertmanager => "/-/ready",
            Grafana => "/api/health",
            TracesDashboard.Name => "/",
            _ => "/metrics",
        };
        try
        {
            using HttpResponseMessage reply =
                await Http.GetAsync(new Uri($"http://127.0.0.1:{PortOf(layout, process)}{path}"), cancellationToken);
            return reply.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Of Prometheus: the services under the names that alerts look for, and the exporters.</summary>
    public static string ScrapeConfiguration(SystemLayout layout)
    {
        IEnumerable<string> jobs = new[]
        {
            (ProcessDefinitions.Adjudication, layout.AdjudicationMetricsPort),
            (ProcessDefinitions.Eligibility, layout.EligibilityMetricsPort),
            (ProcessDefinitions.Ledger, layout.LedgerMetricsPort), (ProcessDefinitions.Gateway, layout.GatewayMetricsPort),
            ("redis", layout.RedisExporterPort), ("postgres", layout.PostgresExporterPort), ("node", layout.NodeExporterPort),
        }.Select(job => $$"""
              - job_name: {{job.Item1}}
                static_configs: [{ targets: ["{{Address(job.Item2)}}"], labels: { namespace: local } }]
            """);
        return $$"""
            global: { scrape_interval: 5s, evaluation_interval: 15s }
            rule_files: ["{{Path.Combine(Deployed, "prometheus", "claims.rules.yml")}}"]
            alerting: { alertmanagers: [{ static_configs: [{ targets: ["{{Address(layout.AlertmanagerPort)}}"] }] }] }
            scrape_configs:
            {{string.Join('\n', jobs)}}

            """;
    }

    /// <summary>Also the name of its Debian package.</summary>
    private static string ProgramOf(string process) => process switch
    {
        Prometheus => "prometheus",
        Grafana => GrafanaProgram,
        _ => "prometheus-" + process,
    };

    private static string Deployed => Path.Combine(Repository.Root, "deploy");

    private static ProcessDefinition GrafanaServer(SystemLayout layout)
    {
        Write(layout, "grafana/provisioning/datasources/claims.yaml", $$"""
            apiVersion: 1
            datasources:
              - { name: Prometheus, type: prometheus, access: proxy, url: "http://{{Address(layout.PrometheusPort)}}", isDefault: true }

            """);
        Write(layout, "grafana/provisioning/dashboards/claims.yaml", $$"""
            apiVersion: 1
            providers: [{ name: claims, type: file, options: { path: "{{Path.Combine(Deployed, "grafana", "dashboards")}}" } }]

            """);
        string folder = Folder(layout, Grafana);
        return Define(layout, Grafana, ["--homepath", "/usr/share/grafana"], new()
        {
            ["GF_SERVER_HTTP_ADDR"] = "127.0.0.1",
            ["GF_SERVER_HTTP_PORT"] = layout.GrafanaPort.ToString(CultureInfo.InvariantCulture),
            ["GF_PATHS_DATA"] = folder,
            ["GF_PATHS_LOGS"] = folder,
            ["GF_PATHS_PROVISIONING"] = Path.Combine(folder, "provisioning"),
            ["GF_AUTH_ANONYMOUS_ENABLED"] = "true",
        });
    }

    private static ProcessDefinition Define(
        SystemLayout layout, string name, IReadOnlyList<string> arguments, Dictionary<string, string> environment)
    {
        string program = Programs.Find(ProgramOf(name), ProgramOf(name));
        ServerCommand command = new(program, arguments, layout.LogFile(name)) { Environment = environment };
        return new ProcessDefinition(
            name, string.Join(' ', arguments), (started, cancel) => ProcessDefinitions.StartAsync(layout, name, command, started, cancel));
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    private static string Folder(SystemLayout layout, string name) =>
        Directory.CreateDirectory(Path.Combine(layout.DataDirectory, "observe", name)).FullName;

    private static string Write(SystemLayout layout, string file, string text)
    {
        string path = Path.Combine(layout.DataDirectory, "observe", file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }
}
