namespace Deploy.Tests.Cluster;

/// <summary>A theory over what <c>kubectl kustomize</c> renders. Debian has no kubectl of this day, so where there is none the test is
/// counted as skipped, and says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RenderedTheoryAttribute : TheoryAttribute
{
    public RenderedTheoryAttribute()
    {
        string[] places = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!places.Any(place => File.Exists(Path.Combine(place, "kubectl"))))
            Skip = "kubectl, which renders the overlays, is not installed (1.27 or newer).";
    }
}
