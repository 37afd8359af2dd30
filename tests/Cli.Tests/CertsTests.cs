using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Claims.Cli.Certificates;
using Claims.Hosting;

namespace Claims.Cli.Tests;

/// <summary>The test authority; what its certificates are good for is what the services' own checks say of them.</summary>
[Collection(nameof(FakeSystem))]
public sealed class CertsTests(FakeSystem system) : IDisposable
{
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly DirectoryInfo _parent = Directory.CreateTempSubdirectory("claims certs ");

    private string Place => Path.Combine(_parent.FullName, "try");

    public void Dispose() => _parent.Delete(recursive: true);

    [Fact]
    public async Task Every_name_gets_a_certificate_that_says_so_and_a_key_of_its_owners_alone()
    {
        await system.RunAsync("certs", "authority", Place);
        Ran ran = await system.RunAsync(
            "certs", "issue", Place, "claims://service/gateway", "claims://facility/H1", "claims://facility/H2", "claims://clinic/HW3",
            "claims://role/audit", "--json");

        Assert.Equal((0, ""), (ran.ExitCode, ran.Errors));
        Assert.Equal(
            ["claims://service/gateway", "claims://facility/H1", "claims://facility/H2", "claims://clinic/HW3", "claims://role/audit"],
            Certificates(ran).Select(one => one.GetProperty("identity").GetString()));
        Assert.Equal(OwnFile | UnixFileMode.UserExecute, File.GetUnixFileMode(Place));
        Assert.Equal(
            ["H1.crt", "H1.key", "H2.crt", "H2.key", "HW3.crt", "HW3.key", "audit.crt", "audit.key", "ca.crt", "ca.key", "gateway.crt",
                "gateway.key", "revoked.pem"],
            Read().Keys.Order(StringComparer.Ordinal));
        string[] keys = Directory.GetFiles(Place, "*.key");
        Assert.All(keys, key => Assert.Equal(OwnFile, File.GetUnixFileMode(key)));
        foreach (JsonElement one in Certificates(ran))
        {
            Tls tls = Of(one);
            bool isService = one.GetProperty("identity").GetString() == "claims://service/gateway";
            Assert.Equal(one.GetProperty("identity").GetString(), tls.IdentityOf(tls.Certificate)?.ToString());
            Assert.Equal((true, isService), (tls.Trusts(tls.Certificate, TlsRole.Client), tls.Trusts(tls.Certificate, TlsRole.Server)));
            Assert.Equal(isService, tls.Certificate.MatchesHostname("localhost"));
        }
    }

    [Fact]
    public async Task What_is_there_stays_and_a_certificate_that_was_removed_is_issued_anew_for_its_key()
    {
        await system.RunAsync("certs", "authority", Place);
        await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW4");
        Dictionary<string, string> before = Read();
        File.Delete(Path.Combine(Place, "HW4.crt"));

        await system.RunAsync("certs", "authority", Place);
        Ran ran = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW4", "--days", "1", "--json");

        Assert.Equal(["kept", "made"], Certificates(ran).Select(one => one.GetProperty("state").GetString()));
        Dictionary<string, string> after = Read();
        Assert.Equal(
            ["HW4.crt", "revoked.pem"],
            after.Keys.Where(file => after[file] != before[file]).Order(StringComparer.Ordinal));
        JsonElement renewed = Certificates(ran).Last();
        Assert.InRange(renewed.GetProperty("notAfter").GetDateTimeOffset(), DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        Assert.True(Of(renewed).Trusts(Of(renewed).Certificate, TlsRole.Client));
    }

    [Fact]
    public async Task Certificate_that_is_revoked_is_trusted_no_longer_and_stays_on_the_list()
    {
        await system.RunAsync("certs", "authority", Place);
        Ran made = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW4", "--json");
        Assert.All(Certificates(made), one => Assert.True(Of(one).Trusts(Of(one).Certificate, TlsRole.Client)));

        Ran first = await system.RunAsync("certs", "revoke", Place, "HW3.crt");
        Ran second = await system.RunAsync("certs", "revoke", Place, Path.Combine(Place, "HW3.crt"));
        Ran again = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW4", "--json");

        Assert.Equal((0, 0, 0), (first.ExitCode, second.ExitCode, again.ExitCode));
        Assert.Equal(["revoked", "kept"], Certificates(again).Select(one => one.GetProperty("state").GetString()));
        Assert.Equal([false, true], Certificates(again).Select(one => Of(one).Trusts(Of(one).Certificate, TlsRole.Client)));
    }

    [Fact]
    public async Task Certificates_hold_thirty_days_unless_another_number_is_named_and_the_table_says_until_when()
    {
        await system.RunAsync("certs", "authority", Place);

        Ran json = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW3", "--json");
        Ran table = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW3", "claims://clinic/HW4", "--days", "3");
        Ran tooLong = await system.RunAsync("certs", "issue", Place, "claims://clinic/HW5", "--days", "3651");

        JsonElement one = Assert.Single(Certificates(json));
        DateTimeOffset until = one.GetProperty("notAfter").GetDateTimeOffset();
        Assert.InRange(until, DateTimeOffset.UtcNow.AddDays(29), DateTimeOffset.UtcNow.AddDays(30));
        Assert.InRange(JsonDocument.Parse(json.Output).RootElement.GetProperty("revokedDue").GetDateTimeOffset(),
            DateTimeOffset.UtcNow.AddDays(29), DateTimeOffset.UtcNow.AddDays(30));
        Assert.Equal($"HW3.crt claims://clinic/HW3 {until.UtcDateTime:yyyy-MM-dd HH:mm}Z kept", table.Lines[1]);
        Assert.EndsWith("Z made", table.Lines[2], StringComparison.Ordinal);
        Assert.StartsWith(
            $"The authority is {Path.Combine(Place, "ca.crt")}; its list, {Path.Combine(Place, "revoked.pem")}, is due again by ",
            table.Lines[3], StringComparison.Ordinal);
        Assert.Equal(1, tooLong.ExitCode);
        Assert.Contains("--days must be at most 3650", tooLong.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Place, "HW5.crt")));
    }

    [Fact]
    public async Task What_cannot_be_done_is_said_and_nothing_is_written()
    {
        string foreign = Path.Combine(_parent.FullName, "foreign");
        await system.RunAsync("certs", "authority", foreign);
        await system.RunAsync("certs", "issue", foreign, "claims://clinic/HW3");
        await system.RunAsync("certs", "authority", Place);
        await system.RunAsync("certs", "issue", Place, "claims://clinic/HW4");
        Dictionary<string, string> before = Read();

        foreach (string uri in (string[])["claims://role/local", "claims://service/broker", "claims://clinic/a/b", "clinic/HW3"])
        {
            Assert.Equal(
                $"{uri} is no identity that this system knows, such as claims://clinic/CODE.",
                await FaultAsync("issue", Place, "claims://clinic/HW5", uri));
        }

        Assert.Equal(
            $"{Path.Combine(Place, "HW4.crt")} is another's than claims://facility/HW4; take another directory.",
            await FaultAsync("issue", Place, "claims://facility/HW4"));
        Assert.Equal(
            "claims://clinic/ca would be named as the authority's own files are.", await FaultAsync("issue", Place, "claims://clinic/ca"));
        Assert.Equal($"none does not exist, here or in {Place}.", await FaultAsync("revoke", Place, "none"));
        string other = Path.Combine(foreign, "HW3.crt");
        Assert.Equal($"{other} is not of the authority in {Place}.", await FaultAsync("revoke", Place, other));
        Assert.Equal("ca.key is not a certificate.", await FaultAsync("revoke", Place, "ca.key"));
        Assert.Equal($"ca.crt is not of the authority in {Place}.", await FaultAsync("revoke", Place, "ca.crt"));
        Assert.Equal(
            $"{_parent.FullName} has files of something else; name a new directory.", await FaultAsync("authority", _parent.FullName));
        Assert.Equal($"{other} is a file and not a directory.", await FaultAsync("authority", other));
        string empty = Path.Combine(_parent.FullName, "empty");
        Assert.Equal(
            $"{empty} has no authority; make one with: claims certs authority {empty}",
            await FaultAsync("issue", empty, "claims://clinic/HW3"));
        Assert.False(Path.Exists(empty));
        Assert.Equal(before, Read());
    }

    private async Task<string> FaultAsync(params string[] arguments)
    {
        Ran ran = await system.RunAsync(["certs", .. arguments]);
        Assert.Equal(1, ran.ExitCode);
        return ran.Errors;
    }

    private static JsonElement[] Certificates(Ran ran) =>
        [.. JsonDocument.Parse(ran.Output).RootElement.GetProperty("certificates").EnumerateArray()];

    private Tls Of(JsonElement certificate) => Tls.Load(new TlsSettings
    {
        Certificate = certificate.GetProperty("certificate").GetString(),
        Key = certificate.GetProperty("key").GetString(),
        ClientCa = Path.Combine(Place, "ca.crt"),
        Revoked = Path.Combine(Place, "revoked.pem"),
    });

    private Dictionary<string, string> Read() =>
        Directory.GetFiles(Place).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);
}
