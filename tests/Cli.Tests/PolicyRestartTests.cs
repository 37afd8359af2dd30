using Claims.Cli.LocalSystem;

namespace Claims.Cli.Tests;

/// <summary>`up` starts again what runs by files that are no longer what they were.</summary>
public sealed class PolicyRestartTests : IDisposable
{
    private readonly DirectoryInfo _policy = Directory.CreateTempSubdirectory("claims-policy-");

    public PolicyRestartTests()
    {
        foreach (string file in Directory.GetFiles(CityPolicy.Shipped.Directory, "*.yaml"))
            File.Copy(file, Path.Combine(_policy.FullName, Path.GetFileName(file)));
    }

    public void Dispose() => _policy.Delete(recursive: true);

    [Fact]
    public void Changed_policy_file_restarts_the_services_that_read_it_and_no_other()
    {
        string[] before = Fingerprints();

        File.AppendAllText(Path.Combine(_policy.FullName, "zhengzhou-outpatient.yaml"), "# a remark\n");

        string[] after = Fingerprints();
        Assert.Equal([true, true, false], before.Zip(after, (one, other) => one != other));
    }

    [Fact]
    public void Policy_file_that_is_written_again_with_the_same_content_restarts_nothing()
    {
        string[] before = Fingerprints();

        string file = Path.Combine(_policy.FullName, "zhengzhou-outpatient.yaml");
        File.WriteAllBytes(file, File.ReadAllBytes(file));
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);

        Assert.Equal(before, Fingerprints());
    }

    private string[] Fingerprints()
    {
        SystemLayout layout = new("/nowhere", 6100);
        CityPolicy policy = new(_policy.FullName, CityPolicy.DefaultCity);
        return
        [
            ProcessDefinitions.EligibilityService(layout, policy, "Host=nowhere").Fingerprint,
            ProcessDefinitions.LedgerService(Layout(), policy, "Host=nowhere", "nowhere:1").Fingerprint,
            ProcessDefinitions.GatewayService(layout).Fingerprint,
        ];

        // Where the ledger's key of the topic is made.
        SystemLayout Layout() => layout with { DataDirectory = _policy.FullName };
    }
}
