namespace Deploy.Tests.Cluster;

/// <summary>What the settings call is reached: a policy lets the caller out, another one lets it in, at the port that it calls.</summary>
internal static class Traffic
{
    public static IEnumerable<string> Problems(Manifests manifests)
    {
        foreach (Workload caller in manifests.Workloads)
        {
            foreach ((string host, string port) in Calls(manifests, caller))
            {
                foreach (string problem in Reached(manifests, caller, host, port))
                    yield return $"{caller.Name} calls {host}:{port}: {problem}";
            }

            if (manifests.Of("NetworkPolicy").Any(policy => Governs(policy, caller, "Egress")) && !AsksNames(manifests, caller))
                yield return $"{caller.Name} may not ask for names";
        }
    }

    /// <summary>Hosts and ports in addresses, in Redis' and PostgreSQL's strings, and behind Kafka's entry of the map.</summary>
    private static IEnumerable<(string Host, string Port)> Calls(Manifests manifests, Workload caller)
    {
        IEnumerable<string> arguments = caller.Container.Find("args")?.Items.Select(argument => argument.Text) ?? [];
        foreach (string text in caller.Env.Select(variable => variable.Find("value")?.Text).OfType<string>().Concat(arguments))
        {
            int at = text.IndexOf("https://", StringComparison.Ordinal);
            if (at >= 0 && Uri.TryCreate(text[at..], UriKind.Absolute, out Uri? address)) yield return (address.Host, $"{address.Port}");
            if (text.StartsWith("Host=", StringComparison.Ordinal))
                yield return (text[5..text.IndexOf(';', StringComparison.Ordinal)], "5432");
        }

        if (manifests.Find("StatefulSet", "redis") is not null && caller.Env.Any(variable => variable["name"].Text == "Claims__Redis"))
            yield return ("redis", "6379");
        foreach (Yaml variable in caller.Env.Where(variable => variable["name"].Text == "Claims__Kafka__bootstrap_servers"))
        {
            string name = variable["valueFrom"]["configMapKeyRef"]["name"].Text;
            if (manifests.Find("ConfigMap", name)?.Body["data"].Find(variable["valueFrom"]["configMapKeyRef"]["key"].Text) is { } servers
                && manifests.Of("Kafka").Any())
                yield return (servers.Text.Split(':')[0], servers.Text.Split(':')[1]);
        }
    }

    private static IEnumerable<string> Reached(Manifests manifests, Workload caller, string host, string port)
    {
        if (manifests.Find("Service", host) is { } service)
        {
            if (service.Body["spec"]["ports"].Items.FirstOrDefault(item => item["port"].Text == port) is not { } served)
            {
                yield return "the service has no such port";
                yield break;
            }

            foreach (Workload callee in manifests.Behind(service))
            {
                (string Name, string Number) target = callee.Ports.FirstOrDefault(item => item.Name == served["targetPort"].Text);
                if (target.Name is null) yield return $"{callee.Name} has no port {served["targetPort"].Text}";
                else if (service.Body["spec"].Find("clusterIP")?.Text == "None" && target.Number != port)
                    yield return $"a name of pods leads to port {target.Number}";
                else if (!Out(manifests, caller, callee.Labels, target)) yield return "no policy lets it out";
                else if (!In(manifests, caller, callee.Labels, target)) yield return "no policy lets it in";
            }
        }
        else if (LabelsMade(manifests, host) is { } labels)
        {
            if (!Out(manifests, caller, labels, ("", port))) yield return "no policy lets it out";
            // Kafka's policies are Strimzi's, from the listener's peers.
            if (!(labels.ContainsKey("strimzi.io/cluster") ? IsPeer(manifests, caller, port) : In(manifests, caller, labels, ("", port))))
                yield return "no policy lets it in";
        }
        else
        {
            yield return "there is no such service";
        }
    }

    private static bool IsPeer(Manifests manifests, Workload caller, string port) => manifests.Of("Kafka")
        .SelectMany(kafka => kafka.Body["spec"]["kafka"]["listeners"].Items).Where(listener => listener["port"].Text == port)
        .SelectMany(listener => listener["networkPolicyPeers"].Items).Any(peer => caller.IsSelectedBy(peer["podSelector"]));

    /// <summary>The labels of pods that an operator makes behind a service of its own.</summary>
    private static Dictionary<string, string>? LabelsMade(Manifests manifests, string host)
    {
        foreach (Manifest manifest in manifests.All)
        {
            if (manifest.Kind == "Cluster" && (host == $"{manifest.Name}-rw" || host == $"{manifest.Name}-r"))
                return new(StringComparer.Ordinal) { ["cnpg.io/cluster"] = manifest.Name };
            if (manifest.Kind == "Kafka" && host == $"{manifest.Name}-kafka-bootstrap")
                return new(StringComparer.Ordinal) { ["strimzi.io/cluster"] = manifest.Name };
        }

        return null;
    }

    private static bool Out(Manifests manifests, Workload caller, IReadOnlyDictionary<string, string> callee, (string, string) port)
    {
        Manifest[] policies = [.. manifests.Of("NetworkPolicy").Where(policy => Governs(policy, caller, "Egress"))];
        return policies.Length == 0 || policies.SelectMany(policy => policy.Body["spec"].Find("egress")?.Items ?? [])
            .Any(rule => Ports(rule, port) && rule["to"].Items.Any(peer => IsOwn(peer) && Selection.Picks(peer["podSelector"], callee)));
    }

    private static bool In(Manifests manifests, Workload caller, IReadOnlyDictionary<string, string> callee, (string, string) port)
    {
        Manifest[] policies = [.. manifests.Of("NetworkPolicy").Where(policy => Types(policy).Contains("Ingress")
            && Selection.Picks(policy.Body["spec"]["podSelector"], callee))];
        return policies.Length == 0 || policies.SelectMany(policy => policy.Body["spec"].Find("ingress")?.Items ?? [])
            .Any(rule => Ports(rule, port)
                && rule["from"].Items.Any(peer => IsOwn(peer) && Selection.Picks(peer["podSelector"], caller.Labels)));
    }

    private static bool AsksNames(Manifests manifests, Workload caller) => manifests.Of("NetworkPolicy")
        .Where(policy => Governs(policy, caller, "Egress")).SelectMany(policy => policy.Body["spec"].Find("egress")?.Items ?? [])
        .Any(rule => rule["to"].Items.Any(peer => peer.Find("podSelector")?.Find("matchLabels")?.Find("k8s-app")?.Text == "kube-dns")
            && rule["ports"].Items.Select(port => $"{port["port"].Text} {port["protocol"].Text}").Order(StringComparer.Ordinal)
                .SequenceEqual(["53 TCP", "53 UDP"]));

    private static bool Governs(Manifest policy, Workload pods, string type) =>
        Types(policy).Contains(type) && pods.IsSelectedBy(policy.Body["spec"]["podSelector"]);

    private static IEnumerable<string> Types(Manifest policy) => policy.Body["spec"]["policyTypes"].Items.Select(type => type.Text);

    // A peer of this namespace.
    private static bool IsOwn(Yaml peer) => peer.Find("podSelector") is not null && peer.Find("namespaceSelector") is null;

    private static bool Ports(Yaml rule, (string Name, string Number) port) =>
        rule["ports"].Items.Any(item => item["port"].Text == port.Name || item["port"].Text == port.Number);
}
