using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Claims.Cli.Tests;

/// <summary>Commands about a system that is named by address, identity and certificate.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ReachTests(FakeSystem system) : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims reach ");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Address_of_a_base_port_is_that_of_all_three_services()
    {
        Balanced();

        Ran ran = await system.RunAsync("ledger", "trial-balance", "--json", "--at", $"http://localhost:{system.PortBase}");

        Assert.Equal((0, ""), (ran.ExitCode, ran.Errors));
        Assert.Equal($"localhost:{system.PortBase + 3}", system.Headers.Host);
        Assert.False(system.Headers.ContainsKey("claims-identity"));
    }

    [Fact]
    public async Task Services_that_are_named_are_called_and_no_other()
    {
        Balanced();
        string ledger = $"ledger=http://localhost:{system.PortBase + 3}";

        Ran ran = await system.RunAsync("ledger", "shards", "--at", ledger, "--at", $"operators=http://localhost:{system.PortBase + 6}");
        Ran without = await system.RunAsync("ledger", "trial-balance", "--at", ledger);

        Assert.Equal((0, ""), (ran.ExitCode, ran.Errors));
        Assert.Equal((1, "--at does not name a service that this command calls; it names ledger."), (without.ExitCode, without.Errors));
    }

    [Fact]
    public async Task Identity_goes_with_every_call()
    {
        Balanced();

        Ran here = await system.RunAsync("ledger", "trial-balance", "--identity", "urn:claims:operator:night");

        Assert.Equal((0, ""), (here.ExitCode, here.Errors));
        Assert.Equal("urn:claims:operator:night", system.Headers["claims-identity"]);
    }

    [Fact]
    public async Task Named_system_is_ready_where_every_service_is()
    {
        system.Begin().Answer<HealthCheckRequest>("grpc.health.v1.Health/Check",
            _ => new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
        string[] status = ["status", "--at", $"eligibility=http://127.0.0.1:{system.PortBase + 2}"];
        string silent = $"http://127.0.0.1:{FreePort.Take(1)}";

        Ran ready = await system.RunAsync(status);
        Ran lacking = await system.RunAsync([.. status, "--at", $"ledger={silent}"]);

        Assert.Equal(0, ready.ExitCode);
        Assert.Equal(["service address state", $"eligibility http://127.0.0.1:{system.PortBase + 2} ready"], ready.Lines);
        Assert.Equal(3, lacking.ExitCode);
        Assert.StartsWith($"ledger {silent} does not answer", lacking.Lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_of_a_named_system_asks_each_service()
    {
        system.Begin();
        string silent = $"http://127.0.0.1:{FreePort.Take(1)}";

        Ran ran = await system.RunAsync("status", "--json", "--at", $"ledger={silent}");

        Assert.Equal(3, ran.ExitCode);
        Assert.Contains("\"ready\": false", ran.Output, StringComparison.Ordinal);
        Assert.Contains("does not answer: Connection refused", ran.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--at must be ADDRESS, or SERVICE=ADDRESS of adjudication, operators, eligibility or ledger, with an ADDRESS like "
        + "http://HOST:PORT or "
        + "https://HOST:PORT, not 'ftp://127.0.0.1:21'.", "--at", "ledger=ftp://127.0.0.1:21")]
    [InlineData("--at must be ADDRESS, or SERVICE=ADDRESS of adjudication, operators, eligibility or ledger, with an ADDRESS like "
        + "http://HOST:PORT or "
        + "https://HOST:PORT; 'books' is no service.", "--at", "books=http://127.0.0.1:21")]
    [InlineData("--at names ledger twice.", "--at", "http://127.0.0.1:5100", "--at", "ledger=http://127.0.0.1:5103")]
    [InlineData("ledger at http://10.0.0.1:5103 is on another machine: services speak without TLS on their own only, so it must be "
        + "https://… with --certificate, --certificate-key and --authority.", "--at", "ledger=http://10.0.0.1:5103")]
    [InlineData("ledger at https://ledger:5103 takes --certificate, --certificate-key and --authority.",
        "--at", "ledger=https://ledger:5103")]
    [InlineData("--certificate, --certificate-key and --authority are given together.", "--certificate", "a.crt")]
    [InlineData("--identity must be a URI, not 'me'.", "--identity", "me")]
    public async Task What_is_no_address_or_does_not_go_together_is_told(string sentence, params string[] options)
    {
        system.Begin();
        Ran ran = await system.RunAsync(["ledger", "trial-balance", .. options]);

        Assert.Equal((1, "", sentence), (ran.ExitCode, ran.Output, ran.Errors));
        Assert.Empty(system.Received);
    }

    [Fact]
    public async Task Deployed_service_is_reached_by_certificate()
    {
        using RSA authorityKey = RSA.Create(2048);
        CertificateRequest own = new("CN=bureau", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        own.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 authority = own.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        (string server, string serverKey) = Issue(authority, "ledger", "1.3.6.1.5.5.7.3.1");
        (string client, string clientKey) = Issue(authority, "operator", "1.3.6.1.5.5.7.3.2");
        string trusted = Write("ca.crt", authority.ExportCertificatePem());
        string foreign = Issue(authority, "someone", "1.3.6.1.5.5.7.3.1").Certificate;
        string? shown = null;
        await using WebApplication app = await ServeAsync(server, serverKey, subject => shown = subject);
        string[] command =
            ["ledger", "vouchers", "--at", $"ledger={app.Urls.Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}"];

        Ran ran = await system.RunAsync([.. command, "--certificate", client, "--certificate-key", clientKey, "--authority", trusted]);
        Ran distrusted =
            await system.RunAsync([.. command, "--certificate", client, "--certificate-key", clientKey, "--authority", foreign]);
        Ran noKey = await system.RunAsync([.. command, "--certificate", client, "--certificate-key", trusted, "--authority", trusted]);

        Assert.Equal((0, "", "CN=operator"), (ran.ExitCode, ran.Errors, shown));
        Assert.Equal(3, distrusted.ExitCode);
        Assert.Contains("certificate", distrusted.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", distrusted.Errors, StringComparison.Ordinal);
        Assert.Equal(1, noKey.ExitCode);
        Assert.StartsWith("--certificate, --certificate-key or --authority cannot be used: ", noKey.Errors, StringComparison.Ordinal);
    }

    private void Balanced() => system.Begin()
        .Answer<GetTrialBalanceRequest>("Ledger/GetTrialBalance", _ => new TrialBalance { Balanced = true })
        .Answer<ListShardsRequest>("LedgerShards/ListShards", _ => new ListShardsReply());

    /// <summary>A ledger without vouchers.</summary>
    private static async Task<WebApplication> ServeAsync(string certificate, string key, Action<string> shown)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        using X509Certificate2 pem = X509Certificate2.CreateFromPemFile(certificate, key);
        X509Certificate2 own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(new HttpsConnectionAdapterOptions
            {
                ServerCertificate = own,
                ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                ClientCertificateValidation = (_, _, _) => true,
            });
        }));
        WebApplication app = builder.Build();
        app.Run(async context =>
        {
            shown(context.Connection.ClientCertificate!.Subject);
            context.Response.ContentType = "application/grpc";
            await context.Response.StartAsync();
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await app.StartAsync();
        return app;
    }

    private (string Certificate, string Key) Issue(X509Certificate2 authority, string name, string usage)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(
            authority, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddMinutes(30), RandomNumberGenerator.GetBytes(8));
        return (Write($"{name}.crt", issued.ExportCertificatePem()), Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()));
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
