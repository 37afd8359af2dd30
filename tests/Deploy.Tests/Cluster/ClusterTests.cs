using System.Diagnostics;
using Claims.PrivateServers;
using StackExchange.Redis;

namespace Deploy.Tests.Cluster;

/// <summary>Both overlays, as kubectl renders them, against every rule; and what needs no kubectl, from the files.</summary>
public sealed class ClusterTests
{
    internal static readonly IReadOnlyDictionary<string, Func<Manifests, IEnumerable<string>>> Rules =
        new Dictionary<string, Func<Manifests, IEnumerable<string>>>(StringComparer.Ordinal)
        {
            ["every object is what a cluster reads"] = StrictReading.Problems,
            ["every name leads somewhere"] = References.Problems,
            ["whoever is called is reached"] = Traffic.Problems,
            ["settings are the services'"] = ServiceRules.Settings,
            ["variables are made before they are used"] = ServiceRules.Expansions,
            ["ports are those that are opened"] = ServiceRules.Ports,
            ["certificates carry the names that are called"] = ServiceRules.Certificates,
            ["clinics call one host"] = ServiceRules.HostOfTheClinics,
            ["calls go round the pods"] = ServiceRules.BalancedCalls,
            ["databases are migrated by jobs of their owner"] = ServiceRules.Migrations,
            ["services are scraped"] = ServiceRules.Scraped,
            ["pods are confined"] = PodRules.Confined,
            ["images do not change"] = PodRules.ByDigest,
            ["pods are spread out"] = PodRules.SpreadOut,
            ["autoscalers keep the number of pods"] = PodRules.Autoscaled,
            ["the namespace is restricted"] = PodRules.Secured,
            ["the topic has a partition a shard"] = StoreRules.Topic,
            ["databases have the services' logins"] = StoreRules.Databases,
            ["databases are backed up"] = StoreRules.Backups,
            ["Redis keeps what was answered"] = StoreRules.Redis,
        };

    public static TheoryData<string, string> OverlaysAndRules()
    {
        TheoryData<string, string> all = [];
        foreach (string overlay in Manifests.Overlays)
        {
            foreach (string rule in Rules.Keys) all.Add(overlay, rule);
        }

        return all;
    }

    public static TheoryData<string> Files => new(Directory
        .EnumerateFiles(Manifests.Directory, "*.yaml", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Manifests.Directory, file))
        .Where(file => !Path.GetFileName(file).Equals("kustomization.yaml", StringComparison.Ordinal)));

    [RenderedTheory, MemberData(nameof(OverlaysAndRules))]
    public void Overlay_holds_to_the_rule(string overlay, string rule) => Assert.Empty(Rules[rule](Manifests.Overlay(overlay)));

    /// <summary>Patches too: their fields are those of what they patch.</summary>
    [Theory, MemberData(nameof(Files))]
    public void Manifest_is_read_strictly(string file) => Assert.Empty(StrictReading.Problems(Manifests.File(file)));

    [Theory]
    [InlineData("base", false)]
    [InlineData("stores", true)]
    [InlineData("overlays/small-city", true)]
    [InlineData("overlays/province", true)]
    public void Kustomization_lists_every_file_beside_it(string folder, bool patches)
    {
        Yaml kustomization = Assert.Single(Yaml.Read($"k8s/{folder}/kustomization.yaml"));
        IEnumerable<string> listed = (kustomization.Find("resources")?.Items ?? []).Select(file => file.Text)
            .Concat((kustomization.Find("patches")?.Items ?? []).Select(patch => patch.Find("path")?.Text).OfType<string>())
            .Where(file => !file.StartsWith("..", StringComparison.Ordinal));

        Assert.Equal(patches, kustomization.Find("patches") is not null);
        Assert.Equal(
            Directory.GetFiles(Path.Combine(Manifests.Directory, folder), "*.yaml").Select(Path.GetFileName)
                .Where(file => file != "kustomization.yaml").Order(StringComparer.Ordinal),
            listed.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("small-city")]
    [InlineData("province")]
    public void Overlay_names_every_image_by_a_digest_that_is_visibly_none(string overlay)
    {
        Yaml[] images = [.. Assert.Single(Yaml.Read($"k8s/overlays/{overlay}/kustomization.yaml"))["images"].Items];

        Assert.Superset(
            DeployedService.All.Select(service => $"claims/{service.Name}").Append("claims/operations").ToHashSet(StringComparer.Ordinal),
            images.Select(image => image["name"].Text).ToHashSet(StringComparer.Ordinal));
        Assert.All(images, image => Assert.Equal("sha256:" + new string('0', 64), image["digest"].Text));
    }

    /// <summary>One truth: what Prometheus' own tools have checked.</summary>
    [Fact]
    public void Alerts_of_the_cluster_are_those_of_prometheus()
    {
        string made = Path.Combine(Directory.CreateTempSubdirectory("claims-alerts-").FullName, "alerts.yaml");
        using (Process make = Process.Start(Path.Combine(Manifests.Directory, "make-alerts"), [made])!)
        {
            make.WaitForExit();
            Assert.Equal(0, make.ExitCode);
        }

        string committed = File.ReadAllText(Path.Combine(Manifests.Directory, "base", "alerts.yaml"));
        Assert.True(File.ReadAllText(made) == committed, "deploy/prometheus/claims.rules.yml was changed: run deploy/k8s/make-alerts");
        Directory.Delete(Path.GetDirectoryName(made)!, recursive: true);
        Assert.Equal(
            Assert.Single(Yaml.Read("prometheus/claims.rules.yml"))["groups"].Items.Select(group => group["name"].Text),
            Assert.Single(Yaml.Read("k8s/base/alerts.yaml"))["spec"]["groups"].Items.Select(group => group["name"].Text));
    }

    /// <summary>Debian's Redis, started with the cluster's file.</summary>
    [Fact]
    public async Task Redis_of_the_cluster_is_what_Adjudication_demands()
    {
        string directory = Directory.CreateTempSubdirectory("claims-redis-conf-").FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "auth.conf"), "requirepass secret\n");
        string conf = Path.Combine(directory, "redis.conf");
        await File.WriteAllTextAsync(conf, (await File.ReadAllTextAsync(Path.Combine(Manifests.Directory, "stores", "redis.conf")))
            .Replace("dir /data", $"dir {directory}", StringComparison.Ordinal)
            .Replace("include /auth/auth.conf", $"include {directory}/auth.conf", StringComparison.Ordinal));
        int port = FreePort.Take();
        using Process server = Process.Start(new ProcessStartInfo("redis-server", [conf, "--port", $"{port}", "--maxmemory", "64mb"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        })!;
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
            {
                EndPoints = { { "127.0.0.1", port } },
                Password = "secret",
                AllowAdmin = true,
                AbortOnConnectFail = false,
                ConnectRetry = 20,
            });
            IServer asked = redis.GetServer("127.0.0.1", port);
            Dictionary<string, string> found = new(StringComparer.Ordinal);
            foreach (string setting in (string[])
                ["appendonly", "appendfsync", "maxmemory-policy", "no-appendfsync-on-rewrite", "maxmemory"])
                found[setting] = (await asked.ConfigGetAsync(setting)).Single().Value;
            Assert.Equal("yes always noeviction no 67108864", string.Join(' ', found.Values));
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
            Directory.Delete(directory, recursive: true);
        }
    }
}
