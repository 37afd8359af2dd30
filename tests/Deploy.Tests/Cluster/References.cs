namespace Deploy.Tests.Cluster;

/// <summary>Names that an object says of another one: whoever is named is in the set, is made by an operator of something that is, or
/// is told in deploy/README.md to be brought.</summary>
internal static class References
{
    private static readonly Lazy<string> Document = new(() => File.ReadAllText(Path.Combine(Yaml.Root, "deploy", "README.md")));

    public static IEnumerable<string> Problems(Manifests manifests)
    {
        HashSet<(string Kind, string Name)> there =
            [.. manifests.All.Select(manifest => (manifest.Kind, manifest.Name)), .. Made(manifests)];
        return Named(manifests)
            .Where(named => !there.Contains((named.Kind, named.Name)) && !(IsBrought(named.Kind) && Brings(named.Kind, named.Name)))
            .Select(named => $"{named.By} names {named.Kind} {named.Name}, which is not there")
            .Concat(Unused(manifests));
    }

    /// <summary>Secrets and maps that the bureau brings; all else is in the manifests.</summary>
    private static bool IsBrought(string kind) => kind is "Secret" or "ConfigMap";

    private static bool Brings(string kind, string name) => Document.Value.Split('\n')
        .Any(line => line.StartsWith($"| {kind} ", StringComparison.Ordinal) && line.Contains($"`{name}`", StringComparison.Ordinal));

    private static IEnumerable<(string Kind, string Name)> Made(Manifests manifests)
    {
        foreach (Manifest manifest in manifests.All)
        {
            foreach ((string, string) made in manifest.Kind switch
            {
                "Certificate" => [("Secret", manifest.Body["spec"]["secretName"].Text)],
                "Kafka" => [("Secret", $"{manifest.Name}-cluster-ca-cert"), ("Service", $"{manifest.Name}-kafka-bootstrap")],
                "KafkaUser" => [("Secret", manifest.Name)],
                "Cluster" =>
                [
                    ("Secret", $"{manifest.Name}-app"), ("Secret", $"{manifest.Name}-ca"),
                    ("Service", $"{manifest.Name}-rw"), ("Service", $"{manifest.Name}-r"), ("Service", $"{manifest.Name}-ro"),
                ],
                _ => ((string, string)[])[],
            }) yield return made;
        }
    }

    private static IEnumerable<(string Kind, string Name, string By)> Named(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            foreach (Yaml volume in workload.Pod.Find("volumes")?.Items ?? [])
            {
                if (volume.Find("secret") is { } secret) yield return ("Secret", secret["secretName"].Text, $"{volume}");
                if (volume.Find("configMap") is { } map) yield return ("ConfigMap", map["name"].Text, $"{volume}");
                if (volume.Find("persistentVolumeClaim") is { } claim)
                    yield return ("PersistentVolumeClaim", claim["claimName"].Text, $"{volume}");
            }

            foreach (Yaml variable in workload.Env)
            {
                Yaml? from = variable.Find("valueFrom");
                if (from?.Find("secretKeyRef") is { } secret) yield return ("Secret", secret["name"].Text, $"{variable}");
                if (from?.Find("configMapKeyRef") is { } map) yield return ("ConfigMap", map["name"].Text, $"{variable}");
            }

            if (workload.Pod.Find("priorityClassName") is { } priority) yield return ("PriorityClass", priority.Text, $"{priority}");
            if (workload.Pod.Find("serviceAccountName") is { } account) yield return ("ServiceAccount", account.Text, $"{account}");
        }

        foreach (Manifest manifest in manifests.All)
        {
            foreach ((string, string, string) named in OfObject(manifest)) yield return named;
        }
    }

    private static IEnumerable<(string Kind, string Name, string By)> OfObject(Manifest manifest)
    {
        Yaml body = manifest.Body;
        string by = $"{manifest}";
        if (body["metadata"].Find("labels")?.Find("strimzi.io/cluster") is { } kafka) yield return ("Kafka", kafka.Text, by);
        if (body.Find("spec") is not { } spec) yield break;
        switch (manifest.Kind)
        {
            case "HorizontalPodAutoscaler":
                yield return (spec["scaleTargetRef"]["kind"].Text, spec["scaleTargetRef"]["name"].Text, by);
                break;
            case "StatefulSet":
                yield return ("Service", spec["serviceName"].Text, by);
                break;
            case "Issuer":
                yield return ("Secret", spec["ca"]["secretName"].Text, by);
                break;
            case "Certificate":
                yield return (spec["issuerRef"]["kind"].Text, spec["issuerRef"]["name"].Text, by);
                break;
            case "TLSRoute":
                foreach (Yaml parent in spec["parentRefs"].Items) yield return ("Gateway", parent["name"].Text, by);
                foreach (Yaml backend in spec["rules"].Items.SelectMany(rule => rule["backendRefs"].Items))
                    yield return ("Service", backend["name"].Text, by);
                break;
            case "ScheduledBackup":
                yield return ("Cluster", spec["cluster"]["name"].Text, by);
                break;
            case "Cluster":
                yield return ("PriorityClass", spec["priorityClassName"].Text, by);
                foreach (Yaml role in spec["managed"]["roles"].Items) yield return ("Secret", role["passwordSecret"]["name"].Text, by);
                foreach (Yaml plugin in spec["plugins"].Items)
                    yield return ("ObjectStore", plugin["parameters"]["barmanObjectName"].Text, by);
                break;
            case "ObjectStore":
                foreach (string key in (string[])["accessKeyId", "secretAccessKey"])
                    yield return ("Secret", spec["configuration"]["s3Credentials"][key]["name"].Text, by);
                break;
        }
    }

    /// <summary>A volume that no container mounts, or a mount of none; a selector that picks nobody.</summary>
    private static IEnumerable<string> Unused(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            IEnumerable<string> claims = workload.Manifest.Body["spec"].Find("volumeClaimTemplates")?.Items
                .Select(claim => claim["metadata"]["name"].Text) ?? [];
            string[] volumes = [.. (workload.Pod.Find("volumes")?.Items ?? []).Select(volume => volume["name"].Text), .. claims];
            string[] mounts = [.. (workload.Container.Find("volumeMounts")?.Items ?? []).Select(mount => mount["name"].Text)];
            foreach (string odd in volumes.Except(mounts).Concat(mounts.Except(volumes)))
                yield return $"{workload.Name} has volume {odd} or mounts it, and not both";
        }

        foreach (Manifest service in manifests.Of("Service").Where(service => !manifests.Behind(service).Any()))
            yield return $"{service} selects no pod";
        foreach (Manifest owner in manifests.All.Where(manifest => manifest.Kind is "Deployment" or "StatefulSet" or "PodDisruptionBudget"))
        {
            if (!manifests.Workloads.Any(workload => workload.IsSelectedBy(owner.Body["spec"]["selector"])))
                yield return $"{owner} selects no pod";
        }
    }
}
