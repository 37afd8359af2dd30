namespace Deploy.Tests.Cluster;

/// <summary>What the manifests say of the services is what the services are.</summary>
internal static class ServiceRules
{
    public static IEnumerable<string> Settings(Manifests manifests)
    {
        foreach (Workload workload in Services(manifests))
        {
            DeployedService service = DeployedService.Named(workload.Image!);
            string[] given = [.. workload.Env.Select(variable => variable["name"].Text)
                .Where(name => name.StartsWith("Claims__", StringComparison.Ordinal))];
            foreach (string problem in given.Select(service.Problem).OfType<string>()) yield return $"{workload.Name}: {problem}";
            if (workload.Manifest.Kind != "Deployment") continue;
            foreach (string required in service.Required.Where(required => !given.Any(
                variable => variable == required || variable.StartsWith(required + "__", StringComparison.Ordinal))))
                yield return $"{workload.Name} lacks {required}";
        }
    }

    /// <summary>$(NAME) in a value stands for a variable before it; else it stays as it is written.</summary>
    public static IEnumerable<string> Expansions(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            HashSet<string> before = new(StringComparer.Ordinal);
            foreach (Yaml variable in workload.Env)
            {
                string text = variable.Find("value")?.Text ?? "";
                int at = text.IndexOf("$(", StringComparison.Ordinal);
                if (at >= 0 && !before.Contains(text[(at + 2)..text.IndexOf(')', at)]))
                    yield return $"{variable} takes {text[at..(text.IndexOf(')', at) + 1)]}, which is not before it";
                before.Add(variable["name"].Text);
            }
        }
    }

    public static IEnumerable<string> Ports(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            Dictionary<string, string> ports = workload.Ports.ToDictionary(port => port.Name, port => port.Number, StringComparer.Ordinal);
            if (workload.Manifest.Kind == "Deployment" && workload.Image is { } image)
            {
                string main = DeployedService.Named(image).PortName;
                foreach ((string variable, string name) in new[]
                {
                    ("Claims__Port", main), ("Claims__MetricsPort", "metrics"), ("Claims__OperatorsPort", "operators"),
                })
                {
                    if (workload.Value(variable) != ports.GetValueOrDefault(name))
                        yield return $"{workload.Name}: {variable} is not port {name}";
                }
            }

            foreach (string probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
            {
                Yaml? asked = workload.Container.Find(probe);
                if ((asked?.Find("httpGet") ?? asked?.Find("tcpSocket"))?["port"].Text is { } port && !ports.ContainsKey(port))
                    yield return $"{workload.Name}: {probe} asks port {port}, which it does not have";
            }
        }

        foreach (Manifest service in manifests.Of("Service"))
        {
            foreach (Workload behind in manifests.Behind(service))
            {
                foreach (Yaml port in service.Body["spec"]["ports"].Items
                    .Where(port => behind.Ports.All(own => own.Name != port["targetPort"].Text)))
                    yield return $"{service} leads to port {port["targetPort"].Text}, which {behind.Name} does not have";
            }
        }

        foreach (Manifest route in manifests.Of("TLSRoute"))
        {
            foreach (Yaml backend in route.Body["spec"]["rules"].Items.SelectMany(rule => rule["backendRefs"].Items)
                .Where(backend => manifests.Find("Service", backend["name"].Text)?.Body["spec"]["ports"].Items
                    .All(port => port["port"].Text != backend["port"].Text) is true))
                yield return $"{route} leads to port {backend["port"].Text}, which {backend["name"].Text} does not have";
        }
    }

    /// <summary>A certificate carries every name that a service is called by, and says who its holder is.</summary>
    public static IEnumerable<string> Certificates(Manifests manifests)
    {
        Manifest[] certificates = [.. manifests.Of("Certificate")];
        foreach (Workload workload in manifests.Workloads)
        {
            string[] secrets = [.. (workload.Pod.Find("volumes")?.Items ?? [])
                .Where(volume => volume["name"].Text == "tls").Select(volume => volume["secret"]["secretName"].Text)];
            foreach (string secret in secrets)
            {
                if (certificates.SingleOrDefault(item => item.Body["spec"]["secretName"].Text == secret) is not { } certificate) continue;
                string[] uris = [.. certificate.Body["spec"]["uris"].Items.Select(uri => uri.Text)];
                string[] names = [.. certificate.Body["spec"].Find("dnsNames")?.Items.Select(name => name.Text) ?? []];
                if (workload.Manifest.Kind != "Deployment") continue;
                if (uris is not [var uri] || uri != $"claims://service/{workload.Name}")
                    yield return $"{certificate} does not say claims://service/{workload.Name}";
                foreach (Manifest service in manifests.Of("Service").Where(service =>
                    manifests.Behind(service).Any(behind => behind.Name == workload.Name)))
                {
                    if (!names.Contains(service.Name)) yield return $"{certificate} lacks the name {service.Name}";
                }

                string[] usages = [.. certificate.Body["spec"]["usages"].Items.Select(usage => usage.Text)];
                if (!usages.Contains("server auth") || !usages.Contains("client auth"))
                    yield return $"{certificate} is not for both uses";
            }
        }

        foreach (Manifest certificate in certificates.Where(certificate =>
            Hours(certificate.Body["spec"]["renewBefore"]) * 2 > Hours(certificate.Body["spec"]["duration"])
            || certificate.Body["spec"]["privateKey"]["rotationPolicy"].Text != "Always"))
            yield return $"{certificate} is renewed before half of its time, or keeps its key";

        static int Hours(Yaml text) => int.Parse(text.Text.TrimEnd('h'), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The name that clinics call, in the route, in the certificate and in the gateway's own list.</summary>
    public static IEnumerable<string> HostOfTheClinics(Manifests manifests)
    {
        string[] hosts =
        [
            .. manifests.Of("Gateway").SelectMany(gateway => gateway.Body["spec"]["listeners"].Items)
                .Select(listener => listener["hostname"].Text),
            .. manifests.Of("TLSRoute").SelectMany(route => route.Body["spec"]["hostnames"].Items).Select(host => host.Text),
            .. manifests.Workloads.Select(workload => workload.Value("Claims__Hosts")).OfType<string>(),
            .. manifests.Of("Certificate").Where(certificate => certificate.Name == "gateway")
                .SelectMany(certificate => certificate.Body["spec"]["dnsNames"].Items).Select(name => name.Text)
                .Where(name => name.Contains('.', StringComparison.Ordinal)),
        ];
        if (hosts.Length != 4 || hosts.Distinct(StringComparer.Ordinal).Count() != 1)
            yield return $"clinics call {string.Join(", ", hosts)}";
        foreach (Manifest gateway in manifests.Of("Gateway").Where(gateway => gateway.Body["spec"]["listeners"].Items
            .Any(listener => listener["tls"]["mode"].Text != "Passthrough")))
            yield return $"{gateway} takes the clinics' certificates away";
    }

    /// <summary>Calls among the services go to names of pods, so that they go round.</summary>
    public static IEnumerable<string> BalancedCalls(Manifests manifests)
    {
        foreach (Workload workload in Services(manifests))
        {
            foreach (Yaml variable in workload.Env.Where(variable => variable["name"].Text.EndsWith("Address", StringComparison.Ordinal)))
            {
                string host = new Uri(variable["value"].Text).Host;
                if (manifests.Find("Service", host)?.Body["spec"].Find("clusterIP")?.Text != "None")
                    yield return $"{workload.Name}: {variable["name"].Text} leads to one pod of {host}";
            }
        }
    }

    /// <summary>The owner's login is a job's alone.</summary>
    public static IEnumerable<string> Migrations(Manifests manifests)
    {
        string[] databases = ["eligibility", "ledger"];
        foreach (Workload workload in Services(manifests).Where(workload => workload.Manifest.Kind == "Deployment"))
        {
            if (workload.Env.Any(variable => variable["name"].Text == "Claims__PostgresOwner"
                || variable.Find("valueFrom")?.Find("secretKeyRef")?["name"].Text.EndsWith("-app", StringComparison.Ordinal) is true))
                yield return $"{workload.Name} has the owner's login";
        }

        foreach (string database in databases)
        {
            if (manifests.Find("Job", $"{database}-migrate") is not { } job || Workload.Of(job) is not { } migrates
                || migrates.Image != database || migrates.Container.Find("args")?.Items.Single().Text != "--migrate"
                || migrates.Env.All(variable => variable["name"].Text != "Claims__PostgresOwner"))
                yield return $"nobody migrates {database}";
        }
    }

    /// <summary>Each service is scraped, at its metrics port, under the job's name that alerts and dashboards expect.</summary>
    public static IEnumerable<string> Scraped(Manifests manifests)
    {
        foreach (Workload workload in Services(manifests).Where(workload => workload.Manifest.Kind == "Deployment"))
        {
            if (!manifests.Of("PodMonitor").Any(monitor => workload.IsSelectedBy(monitor.Body["spec"]["selector"])
                && monitor.Body["spec"]["jobLabel"].Text == Manifests.NameLabel
                && monitor.Body["spec"]["podMetricsEndpoints"].Items.Any(endpoint => workload.Ports.Any(
                    port => port.Name == endpoint["port"].Text && port.Number == workload.Value("Claims__MetricsPort")))))
                yield return $"{workload.Name} is not scraped";
        }
    }

    private static IEnumerable<Workload> Services(Manifests manifests) => manifests.Workloads
        .Where(workload => DeployedService.All.Any(service => service.Name == workload.Image));
}
