using k8s;
using YamlDotNet.Core;

namespace Deploy.Tests.Cluster;

/// <summary>Whether a cluster would take the objects: their fields, the fields' types, and words of which there is a fixed set.</summary>
internal static class StrictReading
{
    // By the field's name, wherever it stands in these manifests.
    private static readonly Dictionary<string, string[]> Words = new(StringComparer.Ordinal)
    {
        ["restartPolicy"] = ["Always", "OnFailure", "Never"],
        ["concurrencyPolicy"] = ["Allow", "Forbid", "Replace"],
        ["whenUnsatisfiable"] = ["DoNotSchedule", "ScheduleAnyway"],
        ["whenDeleted"] = ["Retain", "Delete"],
        ["whenScaled"] = ["Retain", "Delete"],
        ["fsGroupChangePolicy"] = ["Always", "OnRootMismatch"],
        ["protocol"] = ["TCP", "UDP", "SCTP", "TLS"],
        ["policyTypes"] = ["Ingress", "Egress"],
        ["operator"] = ["In", "NotIn", "Exists", "DoesNotExist"],
        ["preemptionPolicy"] = ["Never", "PreemptLowerPriority"],
        ["accessModes"] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"],
        ["medium"] = ["", "Memory"],
        ["drop"] = ["ALL"],
        ["type"] =
        [
            // Of seccomp profiles, strategies, metrics and policies of autoscalers; then Strimzi's.
            "RuntimeDefault", "RollingUpdate", "Resource", "Utilization", "Pods",
            "jbod", "persistent-claim", "internal", "scram-sha-512", "simple", "topic",
        ],
        ["usages"] = ["digital signature", "server auth", "client auth"],
        ["algorithm"] = ["RSA", "ECDSA", "Ed25519"],
        ["rotationPolicy"] = ["Never", "Always"],
        ["mode"] = ["Terminate", "Passthrough"],
        ["ensure"] = ["present", "absent"],
        ["method"] = ["barmanObjectStore", "volumeSnapshot", "plugin", "any", "first"],
        ["dataDurability"] = ["required", "preferred"],
        ["backupOwnerReference"] = ["none", "self", "cluster"],
        ["podAntiAffinityType"] = ["preferred", "required"],
        ["compression"] = ["gzip", "bzip2", "snappy", "lz4", "xz", "zstd"],
        ["roles"] = ["controller", "broker"],
        ["operations"] = ["Read", "Write", "Describe"],
        ["patternType"] = ["literal", "prefix"],
        ["kraftMetadata"] = ["shared"],
    };

    public static IEnumerable<string> Problems(Manifests manifests) => Unreadable(manifests)
        .Concat(manifests.All.SelectMany(manifest => Unknown(manifest.Body)));

    private static IEnumerable<string> Unreadable(Manifests manifests)
    {
        // One by one: the reader stops at the first fault.
        foreach (string document in manifests.Text.Split("\n---", StringSplitOptions.RemoveEmptyEntries))
        {
            string? problem = null;
            try
            {
                if (KubernetesYaml.LoadAllFromString(document, CustomObjects.Types, strict: true) is not [not null])
                    problem = $"is not one object: {document[..Math.Min(80, document.Length)]}";
            }
            catch (Exception refused) when (refused is YamlException or KeyNotFoundException or FormatException)
            {
                problem = $"cannot be read: {refused.Message} {refused.InnerException?.Message}";
            }

            if (problem is not null) yield return problem;
        }
    }

    private static IEnumerable<string> Unknown(Yaml node) => node.Children.SelectMany(child =>
        Words.TryGetValue(child.Key, out string[]? words)
            ? (child.Value.IsScalar ? [child.Value] : child.Value.Children.Select(item => item.Value).Where(value => value.IsScalar))
                .Where(value => !words.Contains(value.Text, StringComparer.Ordinal))
                .Select(value => $"{value} is '{value.Text}'")
                .Concat(child.Value.IsScalar ? [] : Unknown(child.Value))
            : Unknown(child.Value));
}
