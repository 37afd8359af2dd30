using System.Xml.Linq;

namespace Structure.Tests;

/// <summary>What each project outside of tests/ may reference. No service references another, and the command references none.</summary>
public sealed class ProjectArrowTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["protos"] = [],
        ["libs/Policy"] = [],
        ["libs/Hosting"] = [],
        ["libs/PrivateServers"] = [],
        ["libs/Kafka"] = ["protos"],
        ["libs/Rules"] = ["protos", "libs/Policy"],
        ["services/Adjudication"] = ["protos", "libs/Policy", "libs/Rules", "libs/Hosting", "libs/Kafka"],
        ["services/Eligibility"] = ["protos", "libs/Policy", "libs/Rules", "libs/Hosting"],
        ["services/Ledger"] = ["protos", "libs/Policy", "libs/Rules", "libs/Hosting", "libs/Kafka"],
        ["services/Gateway"] = ["protos", "libs/Hosting"],
        ["cli"] = ["protos", "libs/Policy", "libs/Rules", "libs/Hosting", "libs/Kafka", "libs/PrivateServers"],
        // The instrument runs the settlement script and reads stored records by themselves.
        ["load-tests"] = ["cli", "services/Adjudication"],
        ["load-tests/micro"] = ["load-tests"],
        ["samples/csharp"] = [],
    };

    public static TheoryData<string> Projects =>
        [.. Sources.Under("", ".csproj").Where(project => !project.StartsWith("tests/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_references_only_what_its_row_allows(string project)
    {
        string folder = Path.GetDirectoryName(project)!;
        Assert.Contains(folder, Allowed.Keys);
        Assert.Equal([], Faults(folder, Sources.Text(project)));
    }

    [Theory]
    [InlineData("libs/Rules", "../Hosting/Claims.Hosting.csproj", "libs/Hosting")]
    [InlineData("services/Ledger", "../Adjudication/Claims.Adjudication.csproj", "services/Adjudication")]
    [InlineData("cli", @"..\services\Ledger\Claims.Ledger.csproj", "services/Ledger")]
    public void A_reference_against_the_arrows_is_found(string folder, string reference, string found) =>
        Assert.Equal([found], Faults(folder, $"""<Project><ItemGroup><ProjectReference Include="{reference}" /></ItemGroup></Project>"""));

    private static IEnumerable<string> Faults(string folder, string text) => XDocument.Parse(text).Descendants("ProjectReference")
        .Select(reference => Path.Combine(Sources.Root, folder, reference.Attribute("Include")!.Value.Replace('\\', '/')))
        .Select(target => Path.GetRelativePath(Sources.Root, Path.GetDirectoryName(Path.GetFullPath(target))!))
        .Where(target => !Allowed[folder].Contains(target));
}
