using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Deploy.Tests;

/// <summary>The list of packages that a program is made of, as <c>deploy/packages/sbom</c> has CycloneDX write it.</summary>
public sealed partial class BillOfMaterialsTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    // These packages hold their licence as a file, which the tool does not read: MIT.
    private static readonly string[] LicenceIsAFile = ["BitFaster.Caching"];

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-sbom-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Bill_names_every_package_of_the_program_with_its_hash_and_licence()
    {
        JsonNode bill = await MakeAsync("gateway");
        string[] packages = PackagesOf("Claims.Gateway");

        Assert.Equal([], Faults(bill, packages));
        Assert.Contains(packages, package => package.StartsWith("Polly.Core@", StringComparison.Ordinal));
        Assert.Equal("claims-gateway", bill["metadata"]!["component"]!["name"]!.GetValue<string>());

        // The control: each of these is a fault.
        foreach ((string fault, Action<JsonNode> spoil) in new (string, Action<JsonNode>)[]
        {
            ("bomFormat is not CycloneDX", spoilt => spoilt["bomFormat"] = "SPDX"),
            ("specVersion is not 1.6", spoilt => spoilt["specVersion"] = "1.1"),
            ("serialNumber is no urn", spoilt => spoilt["serialNumber"] = "7"),
            ("is missing", spoilt => spoilt["components"]!.AsArray().RemoveAt(0)),
            ("has no SHA-512", spoilt => spoilt["components"]![0]!["hashes"] = new JsonArray()),
            ("has no licence", spoilt => Component(spoilt, "Polly.Core")["licenses"] = new JsonArray()),
            ("purl is not that of its name", spoilt => spoilt["components"]![0]!["purl"] = "pkg:npm/x@1"),
            ("depends on what is not listed", spoilt => spoilt["dependencies"]![0]!["dependsOn"] = new JsonArray("pkg:nuget/x@1")),
        })
        {
            JsonNode spoilt = bill.DeepClone();
            spoil(spoilt);
            Assert.Contains(Faults(spoilt, packages), found => found.Contains(fault, StringComparison.Ordinal));
        }
    }

    /// <summary>What a bill lacks of CycloneDX 1.6 and of the packages that were restored.</summary>
    private static List<string> Faults(JsonNode bill, string[] packages)
    {
        List<string> faults = [];
        void Expect(bool holds, string fault)
        {
            if (!holds) faults.Add(fault);
        }

        Expect(Text(bill, "bomFormat") == "CycloneDX", "bomFormat is not CycloneDX");
        Expect(Text(bill, "specVersion") == "1.6", "specVersion is not 1.6");
        Expect(Urn().IsMatch(Text(bill, "serialNumber")), "serialNumber is no urn");
        Expect(bill["version"]?.GetValue<int>() >= 1, "version is none");
        JsonNode[] components = [.. bill["components"]!.AsArray().Select(component => component!)];
        HashSet<string> references = [Text(bill["metadata"]!["component"]!, "bom-ref")];
        foreach (JsonNode component in components)
        {
            string named = $"{Text(component, "name")}@{Text(component, "version")}";
            references.Add(Text(component, "bom-ref"));
            Expect(Text(component, "type") == "library", $"{named} is no library");
            Expect(Text(component, "purl") == $"pkg:nuget/{named}", $"{named}: its purl is not that of its name");
            JsonNode? hash = component["hashes"]?.AsArray().FirstOrDefault(hash => Text(hash!, "alg") == "SHA-512");
            Expect(hash is not null && Text(hash, "content").Length == 128, $"{named} has no SHA-512");
            bool isAFile = LicenceIsAFile.Contains(Text(component, "name"));
            Expect(component["licenses"]?.AsArray().Count > 0 || isAFile, $"{named} has no licence");
        }

        string[] listed = [.. components.Select(component => $"{Text(component, "name")}@{Text(component, "version")}")];
        faults.AddRange(packages.Except(listed, StringComparer.OrdinalIgnoreCase).Select(package => $"{package} is missing"));
        foreach (JsonNode? dependency in bill["dependencies"]!.AsArray())
        {
            IEnumerable<string> on = dependency!["dependsOn"]?.AsArray().Select(other => other!.GetValue<string>()) ?? [];
            string[] named = [Text(dependency, "ref"), .. on];
            Expect(named.All(references.Contains), $"{Text(dependency, "ref")} depends on what is not listed");
        }

        return faults;
    }

    private static JsonNode Component(JsonNode bill, string name) =>
        bill["components"]!.AsArray().Single(component => Text(component!, "name") == name)!;

    private static string Text(JsonNode node, string name) => node[name]?.GetValue<string>() ?? "";

    /// <summary>What NuGet resolved for a project, without what only the build needs.</summary>
    private static string[] PackagesOf(string project)
    {
        string file = Path.Combine(Yaml.Root, "artifacts", "obj", project, "project.assets.json");
        JsonNode assets = JsonNode.Parse(File.ReadAllText(file))!;
        return [.. assets["targets"]!.AsObject().SelectMany(target => target.Value!.AsObject())
            .Where(library => Text(library.Value!, "type") == "package" && library.Value!["runtime"] is not null)
            .Select(library => library.Key.Replace('/', '@')).Distinct().Order(StringComparer.Ordinal)];
    }

    private async Task<JsonNode> MakeAsync(string program)
    {
        using Process made = Process.Start(new ProcessStartInfo(Path.Combine(Yaml.Root, "deploy", "packages", "sbom"))
        {
            UseShellExecute = false,
            ArgumentList = { _directory.FullName, program },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        Task<string> errors = made.StandardError.ReadToEndAsync();
        Task<string> said = made.StandardOutput.ReadToEndAsync();
        await made.WaitForExitAsync().WaitAsync(Limit);
        Assert.True(made.ExitCode == 0, $"{await errors}{await said}");
        return JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_directory.FullName, $"{program}.cdx.json")))!;
    }

    [GeneratedRegex(
        "^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Urn();
}
