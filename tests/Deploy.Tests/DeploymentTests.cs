namespace Deploy.Tests;

/// <summary>Manifests are read by no compiler: what they say of the services is held against the services.</summary>
public sealed class DeploymentTests
{
    public static TheoryData<string> Services => new(DeployedService.All.Select(service => service.Name));

    [Theory, MemberData(nameof(Services))]
    public void Kubernetes_sets_what_the_service_reads_and_all_that_it_requires(string service)
    {
        AssertSettings(service, Container(service)["env"].Items.Select(variable => variable["name"].Text));
    }

    [Theory, MemberData(nameof(Services))]
    public void Compose_sets_what_the_service_reads_and_all_that_it_requires(string service)
    {
        AssertSettings(service, Compose(service)["environment"].Entries.Select(variable => variable.Key));
    }

    [Theory, MemberData(nameof(Services))]
    public void Kubernetes_ports_are_those_the_service_is_told_to_open(string service)
    {
        string main = DeployedService.Named(service).PortName;
        Yaml container = Container(service);
        Dictionary<string, string> ports = container["ports"]
            .Items.ToDictionary(port => port["name"].Text, port => port["containerPort"].Text, StringComparer.Ordinal);
        Assert.Equal(Variable(container, "Claims__Port"), ports[main]);
        Assert.Equal(Variable(container, "Claims__MetricsPort"), ports["metrics"]);

        string[] served = service == "adjudication" ? [main, "operators"] : [main];
        Assert.Equal(served.Select(name => (name, ports[name])),
            Object("Service", service)["spec"]["ports"].Items.Select(port => (port["targetPort"].Text, port["port"].Text)));
        Assert.Equal(served.Contains("operators"), ports.TryGetValue("operators", out string? operators));
        if (operators is not null) Assert.Equal(Variable(container, "Claims__OperatorsPort"), operators);
        foreach ((string probe, string path) in new[]
        {
            ("startupProbe", "/healthz/live"), ("livenessProbe", "/healthz/live"), ("readinessProbe", "/healthz/ready"),
        })
        {
            Assert.Equal(("metrics", path), (container[probe]["httpGet"]["port"].Text, container[probe]["httpGet"]["path"].Text));
        }
    }

    [Theory, MemberData(nameof(Services))]
    public void Compose_publishes_the_ports_the_service_is_told_to_open_on_loopback(string service)
    {
        Yaml environment = Compose(service)["environment"];
        string main = environment["Claims__Port"].Text;
        string metrics = environment["Claims__MetricsPort"].Text;

        string[] operators = environment.Find("Claims__OperatorsPort") is { Text: var port } ? [$"127.0.0.1:{port}:{port}"] : [];
        Assert.Equal(service == "adjudication", operators.Length == 1);
        Assert.Equal([$"127.0.0.1:{main}:{main}", $"127.0.0.1:{metrics}:{metrics}", .. operators],
            Compose(service)["ports"].Items.Select(published => published.Text));
    }

    [Theory]
    [InlineData("adjudication", "eligibility", "grpc", "Claims__EligibilityAddress")]
    [InlineData("adjudication", "ledger", "grpc", "Claims__LedgerAddress")]
    [InlineData("eligibility", "ledger", "grpc", "Claims__LedgerAddress")]
    [InlineData("gateway", "adjudication", "grpc", "Claims__AdjudicationAddress")]
    [InlineData("gateway", "ledger", "grpc", "Claims__LedgerAddress")]
    [InlineData("gateway", "eligibility", "grpc", "Claims__EligibilityAddress")]
    [InlineData("ledger", "adjudication", "operators", "Claims__AdjudicationAddress")]
    public void Addresses_name_the_service_its_port_and_tls(string caller, string callee, string port, string variable)
    {
        Yaml served = Object("Service", callee)["spec"]["ports"].Items.Single(item => item["name"].Text == port);

        Assert.Equal($"https://{callee}-pods:{served["port"].Text}", Variable(Container(caller), variable));
        Assert.Equal($"https://{callee}:{served["port"].Text}", Compose(caller)["environment"][variable].Text);
    }

    [Theory, MemberData(nameof(Services))]
    public void Secrets_are_given_by_reference(string service)
    {
        foreach (Yaml variable in Container(service)["env"]
            .Items.Where(variable => variable["name"].Text is "Claims__Postgres" or "Claims__Redis"))
        {
            Assert.NotNull(variable["valueFrom"]["secretKeyRef"].Find("key"));
        }

        foreach ((string name, Yaml value) in Compose(service)["environment"]
            .Entries.Where(variable => variable.Value.Text.Contains("Password", StringComparison.Ordinal)))
        {
            Assert.Contains("Password=${CLAIMS_POSTGRES_PASSWORD", value.Text, StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Services))]
    public void Certificates_are_where_the_settings_look(string service)
    {
        Yaml container = Container(service);
        string mounted = container["volumeMounts"].Items.Single(mount => mount["name"].Text == "tls")["mountPath"].Text;
        Assert.Equal($"{mounted}/tls.crt", Variable(container, "Claims__Tls__Certificate"));
        Assert.Equal($"{mounted}/tls.key", Variable(container, "Claims__Tls__Key"));
        Assert.Equal($"{mounted}/ca.crt", Variable(container, "Claims__Tls__ClientCa"));
        string list = container["volumeMounts"].Items.Single(mount => mount["name"].Text == "revoked")["mountPath"].Text;
        Assert.Equal($"{list}/revoked.pem", Variable(container, "Claims__Tls__Revoked"));
        Assert.Equal("claims-revoked", Deployment(service)["spec"]["template"]["spec"]["volumes"].Items
            .Single(volume => volume["name"].Text == "revoked")["configMap"]["name"].Text);

        Yaml environment = Compose(service)["environment"];
        Assert.Contains("./certificates:/tls:ro", Compose(service)["volumes"].Items.Select(volume => volume.Text));
        Assert.Equal($"/tls/{service}.crt", environment["Claims__Tls__Certificate"].Text);
        Assert.Equal($"/tls/{service}.key", environment["Claims__Tls__Key"].Text);
        Assert.Equal("/tls/ca.crt", environment["Claims__Tls__ClientCa"].Text);
    }

    [Theory, MemberData(nameof(Services))]
    public void Kubernetes_selectors_pick_the_pods_of_the_service(string service)
    {
        const string label = "app.kubernetes.io/name";
        Assert.Equal(service, Deployment(service)["spec"]["template"]["metadata"]["labels"][label].Text);
        Assert.Equal(service, Deployment(service)["spec"]["selector"]["matchLabels"][label].Text);
        Assert.Equal(service, Object("Service", service)["spec"]["selector"][label].Text);
        Assert.Equal(service, Object("PodDisruptionBudget", service)["spec"]["selector"]["matchLabels"][label].Text);
        Assert.Equal(service, Object("NetworkPolicy", service)["spec"]["podSelector"]["matchLabels"][label].Text);
    }

    [Theory]
    [InlineData("adjudication", "eligibility")]
    [InlineData("ledger", "eligibility")]
    [InlineData("adjudication", "ledger")]
    [InlineData("eligibility", "ledger")]
    [InlineData("gateway", "adjudication")]
    [InlineData("gateway", "ledger")]
    [InlineData("gateway", "eligibility")]
    [InlineData("ledger", "adjudication", "operators")]
    public void Network_policies_let_a_service_reach_what_it_calls(string caller, string callee, string? port = null)
    {
        string reached = port ?? DeployedService.Named(callee).PortName;
        Yaml rule = Object("NetworkPolicy", callee)["spec"]["ingress"].Items.Single(item => PortsOf(item).Contains(reached));

        Assert.Contains(caller, rule["from"].Items.Select(from => from.Find("podSelector")?["matchLabels"]["app.kubernetes.io/name"].Text));
        Assert.Equal([reached], PortsOf(rule));
    }

    [Fact]
    public void Hospitals_networks_reach_no_port_for_operators()
    {
        IEnumerable<Yaml> rules = Object("NetworkPolicy", "adjudication")["spec"]["ingress"].Items;

        Assert.Equal(["grpc"], rules.Where(rule => From(rule, "hospital")).SelectMany(PortsOf));
        Assert.Equal(["operators"], rules.Where(rule => From(rule, "operator")).SelectMany(PortsOf));

        static bool From(Yaml rule, string access) => rule["from"].Items.Any(
            from => from.Find("namespaceSelector")?["matchLabels"].Find("claims/access")?.Text == access);
    }

    [Fact]
    public void Dockerfile_builds_runs_and_exposes_what_the_deployments_use()
    {
        string dockerfile = File.ReadAllText(Path.Combine(Yaml.Root, "deploy", "Dockerfile"));
        foreach (DeployedService service in DeployedService.All)
        {
            Yaml environment = Compose(service.Name)["environment"];
            string assembly = service.Settings.Assembly.GetName().Name!;
            Assert.Equal(service.Name, Compose(service.Name)["build"]["target"].Text);
            Assert.Contains(
                $"""
                FROM base AS {service.Name}
                COPY --from=build /out/{assembly["Claims.".Length..]} /app
                EXPOSE {environment["Claims__Port"].Text} {environment["Claims__MetricsPort"].Text}{Operators(environment)}
                ENTRYPOINT ["dotnet", "/app/{assembly}.dll"]
                """, dockerfile, StringComparison.Ordinal);
        }
    }

    private static string Operators(Yaml environment) =>
        environment.Find("Claims__OperatorsPort") is { Text: var port } ? $" {port}" : "";

    [Theory, MemberData(nameof(Services))]
    public void Operations_document_lists_every_setting_and_no_other(string service)
    {
        string document = File.ReadAllText(Path.Combine(Yaml.Root, "docs", "operations.md"));
        DeployedService deployed = DeployedService.Named(service);
        List<string> listed = [.. document.Split('\n')
            .Where(line => line.StartsWith("| `Claims__", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Where(cells => cells[2] == "all" || cells[2].Contains(service, StringComparison.OrdinalIgnoreCase))
            .Select(cells => cells[1].Trim('`'))];

        Assert.Empty(listed.Select(deployed.Problem).OfType<string>());
        Assert.DoesNotContain(deployed.Variables,
            variable => !listed.Any(row => row == variable || row.StartsWith(variable + "__", StringComparison.Ordinal)));
    }

    [Fact]
    public void Unknown_variable_is_noticed()
    {
        Assert.NotNull(DeployedService.Named("ledger").Problem("Claims__Postgress"));
        Assert.NotNull(DeployedService.Named("ledger").Problem("Claims__Tls__Certficate"));
        Assert.NotNull(DeployedService.Named("eligibility").Problem("Claims__Kafka__bootstrap_servers"));
        Assert.Null(DeployedService.Named("ledger").Problem("Claims__Kafka__bootstrap_servers"));
        Assert.Contains("Claims__Postgres", DeployedService.Named("ledger").Required);
    }

    private static void AssertSettings(string service, IEnumerable<string> variables)
    {
        DeployedService deployed = DeployedService.Named(service);
        List<string> given = [.. variables];
        Assert.Empty(given.Select(deployed.Problem).OfType<string>());
        Assert.DoesNotContain(deployed.Required,
            required => !given.Any(variable => variable == required || variable.StartsWith(required + "__", StringComparison.Ordinal)));
    }

    private static IEnumerable<string> PortsOf(Yaml rule) => rule["ports"].Items.Select(port => port["port"].Text);

    private static string Variable(Yaml container, string name) =>
        container["env"].Items.Single(variable => variable["name"].Text == name)["value"].Text;

    private static Yaml Deployment(string service) => Object("Deployment", service);

    private static Yaml Container(string service) => Assert.Single(Deployment(service)["spec"]["template"]["spec"]["containers"].Items);

    private static Yaml Compose(string service) => Assert.Single(Yaml.Read("compose/compose.yaml"))["services"][service];

    private static Yaml Object(string kind, string name) => new[] { $"k8s/base/{name}.yaml", "k8s/base/network.yaml" }
        .SelectMany(Yaml.Read)
        .Single(document => document["kind"].Text == kind && document["metadata"]["name"].Text == name);
}
