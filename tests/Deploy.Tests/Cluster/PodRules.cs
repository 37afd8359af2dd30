namespace Deploy.Tests.Cluster;

/// <summary>How pods run: without privileges, within bounds, apart from each other, from images that do not change.</summary>
internal static class PodRules
{
    public static IEnumerable<string> Confined(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            Yaml pod = workload.Pod;
            Yaml container = workload.Container;
            if (pod.Find("securityContext")?.Find("runAsNonRoot")?.Text != "true") yield return $"{workload.Name} may run as root";
            if (pod.Find("securityContext")?.Find("seccompProfile")?["type"].Text != "RuntimeDefault")
                yield return $"{workload.Name} has no seccomp profile";
            if (pod.Find("automountServiceAccountToken")?.Text != "false") yield return $"{workload.Name} has a token of the cluster";
            Yaml? rights = container.Find("securityContext");
            if (rights?.Find("readOnlyRootFilesystem")?.Text != "true") yield return $"{workload.Name} may write where it runs";
            if (rights?.Find("allowPrivilegeEscalation")?.Text != "false") yield return $"{workload.Name} may gain privileges";
            if (rights?.Find("capabilities")?.Find("drop")?.Items.Select(item => item.Text).ToArray() is not ["ALL"])
                yield return $"{workload.Name} keeps capabilities";
            if (container.Find("resources")?.Find("limits")?.Find("memory") is null
                || container.Find("resources")?.Find("requests")?.Find("cpu") is null)
                yield return $"{workload.Name} is not bounded";
            if (pod.Find("priorityClassName") is null) yield return $"{workload.Name} has no priority";
        }
    }

    public static IEnumerable<string> ByDigest(Manifests manifests) => manifests.Workloads
        .Select(workload => workload.Container["image"])
        .Where(image => image.Text.Split('@') is not [_, ['s', 'h', 'a', '2', '5', '6', ':', .. { Length: 64 }]])
        .Select(image => $"{image} is {image.Text}, which may be another one tomorrow");

    /// <summary>Over zones first, then over machines; and a release puts no fewer in service.</summary>
    public static IEnumerable<string> SpreadOut(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads.Where(workload => workload.Manifest.Kind == "Deployment"))
        {
            Yaml[] spread = [.. workload.Pod.Find("topologySpreadConstraints")?.Items ?? []];
            if (!spread.Select(constraint => constraint["topologyKey"].Text)
                .SequenceEqual(["topology.kubernetes.io/zone", "kubernetes.io/hostname"]))
                yield return $"{workload.Name} is not spread over zones and machines";
            if (!spread.All(constraint => workload.IsSelectedBy(constraint["labelSelector"])))
                yield return $"{workload.Name} is spread apart from others, and not from itself";
            if (workload.Manifest.Body["spec"].Find("strategy")?.Find("rollingUpdate")?.Find("maxUnavailable")?.Text != "0")
                yield return $"{workload.Name} has fewer pods while it is replaced";
            if (!manifests.Of("PodDisruptionBudget").Any(budget => workload.IsSelectedBy(budget.Body["spec"]["selector"])))
                yield return $"{workload.Name} may be drained away at once";
        }
    }

    /// <summary>A number of pods that an autoscaler keeps would be put back by every apply.</summary>
    public static IEnumerable<string> Autoscaled(Manifests manifests)
    {
        foreach (Manifest scaler in manifests.Of("HorizontalPodAutoscaler"))
        {
            Yaml spec = scaler.Body["spec"];
            if (manifests.Find(spec["scaleTargetRef"]["kind"].Text, spec["scaleTargetRef"]["name"].Text) is { } target
                && target.Body["spec"].Find("replicas") is not null)
                yield return $"{target} has replicas of its own";
            if (int.Parse(spec["minReplicas"].Text, System.Globalization.CultureInfo.InvariantCulture) < 2)
                yield return $"{scaler} lets a single pod stand";
        }
    }

    public static IEnumerable<string> Secured(Manifests manifests)
    {
        foreach (Manifest space in manifests.Of("Namespace"))
        {
            foreach (string mode in (string[])["enforce", "audit", "warn"])
            {
                Yaml labels = space.Body["metadata"]["labels"];
                if (labels.Find($"pod-security.kubernetes.io/{mode}")?.Text != "restricted"
                    || labels.Find($"pod-security.kubernetes.io/{mode}-version")?.Text is not ['v', '1', '.', ..])
                    yield return $"{space}: {mode} is not restricted, of a version";
            }
        }
    }
}
