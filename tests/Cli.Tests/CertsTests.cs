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
        Ran ran = await system.RunAsync(
            "certs", Place, "--service", "gateway", "--facility", "H1", "--facility", "H2", "--clinic", "HW3", "--role", "audit", "--json");

        Assert.Equal((0, ""), (ran.ExitCode, ran.Errors));
        Assert.Equal(
            ["claims://service/gateway", "claims://facility/H1", "claims://facility/H2", "claims://clinic/HW3", "claims://role/audit"],
            Certificates(ran).Select(one => one.GetProperty("identity").GetString()));
        Assert.Equal(OwnFile | UnixFileMode.UserExecute, File.GetUnixFileMode(Place));
        string[] keys = Directory.GetFiles(Place, "*.key");
        Assert.Equal(6, keys.Length);
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
        await system.RunAsync("certs", Place, "--clinic", "HW3", "--clinic", "HW4");
        Dictionary<string, string> before = Read();
        File.Delete(Path.Combine(Place, "clinic-HW4.crt"));

        Ran ran = await system.RunAsync("certs", Place, "--clinic", "HW3", "--clinic", "HW4", "--days", "1", "--json");

        Assert.Equal(["kept", "made"], Certificates(ran).Select(one => one.GetProperty("state").GetString()));
        Dictionary<string, string> after = Read();
        Assert.Equal(
            ["clinic-HW4.crt", "revoked.pem"],
            after.Keys.Where(file => after[file] != before[file]).Order(StringComparer.Ordinal));
        JsonElement renewed = Certificates(ran).Last();
        Assert.InRange(renewed.GetProperty("notAfter").GetDateTimeOffset(), DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        Assert.True(Of(renewed).Trusts(Of(renewed).Certificate, TlsRole.Client));
    }

    [Fact]
    public async Task Certificate_that_is_revoked_is_trusted_no_longer_and_stays_on_the_list()
    {
        Ran made = await system.RunAsync("certs", Place, "--clinic", "HW3", "--clinic", "HW4", "--json");
        Assert.All(Certificates(made), one => Assert.True(Of(one).Trusts(Of(one).Certificate, TlsRole.Client)));

        Ran first = await system.RunAsync("certs", Place, "--revoke", "clinic-HW3.crt");
        Ran again = await system.RunAsync(
            "certs", Place, "--clinic", "HW3", "--clinic", "HW4", "--revoke", Path.Combine(Place, "clinic-HW3.crt"), "--json");

        Assert.Equal((0, 0), (first.ExitCode, again.ExitCode));
        Assert.Equal(["revoked", "kept"], Certificates(again).Select(one => one.GetProperty("state").GetString()));
        Assert.Equal([false, true], Certificates(again).Select(one => Of(one).Trusts(Of(one).Certificate, TlsRole.Client)));
    }

    [Fact]
    public async Task What_cannot_be_done_is_said_and_nothing_is_written()
    {
        string foreign = Path.Combine(_parent.FullName, "foreign");
        await system.RunAsync("certs", foreign, "--clinic", "HW3");
        await system.RunAsync("certs", Place);
        Dictionary<string, string> before = Read();

        Assert.Equal("--role local is no claims://role/… that this system knows.", await FaultAsync(Place, "--role", "local"));
        Assert.Equal("--service broker is no claims://service/… that this system knows.", await FaultAsync(Place, "--service", "broker"));
        Assert.Equal("--clinic a/b is no claims://clinic/… that this system knows.", await FaultAsync(Place, "--clinic", "a/b"));
        Assert.Equal($"none does not exist, here or in {Place}.", await FaultAsync(Place, "--revoke", "none"));
        string other = Path.Combine(foreign, "clinic-HW3.crt");
        Assert.Equal($"{other} is not of the authority in {Place}.", await FaultAsync(Place, "--revoke", other));
        Assert.Equal("authority.key is not a certificate.", await FaultAsync(Place, "--revoke", "authority.key"));
        Assert.Equal($"authority.crt is not of the authority in {Place}.", await FaultAsync(Place, "--revoke", "authority.crt"));
        Assert.Equal($"{_parent.FullName} has files of something else; name a new directory.", await FaultAsync(_parent.FullName));
        Assert.Equal($"{other} is a file and not a directory.", await FaultAsync(other));
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
        ClientCa = Path.Combine(Place, "authority.crt"),
        Revoked = Path.Combine(Place, "revoked.pem"),
    });

    private Dictionary<string, string> Read() =>
        Directory.GetFiles(Place).ToDictionary(path => Path.GetFileName(path), File.ReadAllText, StringComparer.Ordinal);
}
