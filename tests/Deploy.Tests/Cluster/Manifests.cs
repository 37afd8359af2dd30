using System.Diagnostics;

namespace Deploy.Tests.Cluster;

/// <summary>Objects of Kubernetes as a cluster would be given them.</summary>
internal sealed class Manifests
{
    public const string NameLabel = "app.kubernetes.io/name";

    private Manifests(string text, string source)
    {
        Text = text;
        All = [.. Yaml.Parse(text, source).Select(document => new Manifest(document))];
    }

    public string Text { get; }

    public IReadOnlyList<Manifest> All { get; }

    public static Manifests Parse(string text, string source = "control") => new(text, source);

    /// <param name="file">Below deploy/k8s.</param>
    public static Manifests File(string file) => new(System.IO.File.ReadAllText(Path.Combine(Directory, file)), file);

    public static string Directory { get; } = Path.Combine(Yaml.Root, "deploy", "k8s");

    public static readonly string[] Overlays = ["small-city", "province"];

    private static readonly Dictionary<string, Lazy<Manifests>> Rendered = Overlays.ToDictionary(
        overlay => overlay, overlay => new Lazy<Manifests>(() => Render(overlay)), StringComparer.Ordinal);

    /// <summary>What <c>kubectl kustomize</c> makes of an overlay.</summary>
    public static Manifests Overlay(string overlay) => Rendered[overlay].Value;

    private static Manifests Render(string overlay)
    {
        using Process kubectl = Process.Start(new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(Directory, "overlays", overlay)])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = kubectl.StandardError.ReadToEndAsync();
        string output = kubectl.StandardOutput.ReadToEnd();
        kubectl.WaitForExit();
        Assert.True(kubectl.ExitCode == 0, $"kubectl kustomize {overlay}: {errors.Result}");
        return new Manifests(output, overlay);
    }

    public IEnumerable<Manifest> Of(string kind) => All.Where(manifest => manifest.Kind == kind);

    public Manifest? Find(string kind, string name) => Of(kind).SingleOrDefault(manifest => manifest.Name == name);

    /// <summary>What makes pods that are ours: deployments, sets, jobs, and jobs of a schedule.</summary>
    public IEnumerable<Workload> Workloads => All.Select(Workload.Of).OfType<Workload>();

    /// <summary>The pods that a service's selector picks.</summary>
    public IEnumerable<Workload> Behind(Manifest service) => service.Body["spec"].Find("selector") is { } selector
        ? Workloads.Where(workload => workload.Matches(selector)) : [];
}

/// <summary>One object.</summary>
internal sealed record Manifest(Yaml Body)
{
    public string Kind => Body["kind"].Text;

    public string Name => Body["metadata"]["name"].Text;

    public Yaml? Spec => Body.Find("spec");

    public override string ToString() => $"{Kind} {Name}";
}

/// <summary>An object that makes pods.</summary>
internal sealed record Workload(Manifest Manifest, Yaml Template)
{
    public static Workload? Of(Manifest manifest) => manifest.Kind switch
    {
        "Deployment" or "StatefulSet" or "Job" => new(manifest, manifest.Body["spec"]["template"]),
        "CronJob" => new(manifest, manifest.Body["spec"]["jobTemplate"]["spec"]["template"]),
        _ => null,
    };

    public string Name => Manifest.Name;

    public Yaml Pod => Template["spec"];

    public Yaml Container => Pod["containers"].Items.Single();

    public IEnumerable<Yaml> Env => Container.Find("env")?.Items ?? [];

    public string? Value(string variable) => Env.FirstOrDefault(entry => entry["name"].Text == variable)?.Find("value")?.Text;

    public IReadOnlyDictionary<string, string> Labels => Template["metadata"]["labels"].Entries
        .ToDictionary(label => label.Key, label => label.Value.Text, StringComparer.Ordinal);

    /// <summary>Its image is one of ours: the service, or the command.</summary>
    public string? Image => Container["image"].Text.Split('@')[0].Split("claims/") is [.., { Length: > 0 } name] parts && parts.Length > 1
        ? name : null;

    public IEnumerable<(string Name, string Number)> Ports => (Container.Find("ports")?.Items ?? [])
        .Select(port => (port["name"].Text, port["containerPort"].Text));

    /// <param name="labels">A mapping of labels to values.</param>
    public bool Matches(Yaml labels) => labels.Entries.All(label => Labels.GetValueOrDefault(label.Key) == label.Value.Text);

    /// <param name="selector">With matchLabels, matchExpressions, both, or neither, which is everybody.</param>
    public bool IsSelectedBy(Yaml selector) => Selection.Picks(selector, Labels);
}

/// <summary>A selector by labels.</summary>
internal static class Selection
{
    public static bool Picks(Yaml selector, IReadOnlyDictionary<string, string> labels) =>
        (selector.Find("matchLabels")?.Entries ?? []).All(label => labels.GetValueOrDefault(label.Key) == label.Value.Text)
        && (selector.Find("matchExpressions")?.Items ?? []).All(expression => expression["operator"].Text == "In"
            && expression["values"].Items.Any(value => labels.GetValueOrDefault(expression["key"].Text) == value.Text));
}
