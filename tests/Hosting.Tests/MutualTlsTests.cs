using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace Hosting.Tests;

public sealed class MutualTlsTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("claims-tls-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Caller_with_a_certificate_of_the_same_authority_is_served_on_every_address()
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "localhost"));
        await using ServiceProvider caller = Caller(callee.Grpc, authority.Issue("gateway", "gateway"));

        SettleReply reply = await caller.GetRequiredService<Adjudication.AdjudicationClient>()
            .SettleAsync(new SettleRequest { RequestId = "R1", FacilityCode = "H1" });

        Assert.Equal("R1", reply.RequestId);
        Assert.Equal("0.0.0.0", callee.Grpc.Host);
        using HttpClient probe = new();
        Assert.Equal("live\n", await probe.GetStringAsync(new Uri($"http://127.0.0.1:{callee.Metrics.Port}/healthz/live")));
        Assert.Contains("claims_certificate_expiry_timestamp_seconds ",
            await probe.GetStringAsync(new Uri($"http://127.0.0.1:{callee.Metrics.Port}/metrics")), StringComparison.Ordinal);
        Assert.Equal(new DateTimeOffset(callee.Services.GetRequiredService<Tls>().Certificate.NotAfter).ToUnixTimeSeconds(),
            callee.Services.GetServices<IHealthCheckPublisher>().OfType<ServiceMetrics>().Single().CertificateExpiryUnixSeconds);
    }

    [Theory]
    [InlineData("claims://facility/H1", "H1", StatusCode.OK)]
    [InlineData("claims://facility/H1", "H2", StatusCode.PermissionDenied)]
    [InlineData("claims://role/operations", "H1", StatusCode.PermissionDenied)]
    [InlineData(null, "H1", StatusCode.Unauthenticated)]
    public async Task Caller_is_who_the_certificate_says_whatever_the_header_says(string? identity, string facility, StatusCode expected)
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "localhost"));
        await using ServiceProvider caller = Caller(callee.Grpc, authority.Issue("caller", "caller", identity: identity));
        Adjudication.AdjudicationClient client = caller.GetRequiredService<Adjudication.AdjudicationClient>();
        Metadata headers = new() { { Identity.Header, "claims://facility/H2" } };

        using AsyncUnaryCall<SettleReply> call = client.SettleAsync(new SettleRequest { FacilityCode = facility }, headers);
        if (expected == StatusCode.OK) await call;
        else Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
    }

    /// <summary>A process of its own, and what it takes of memory by each connection that has shown its certificate and says nothing more.
    /// The smallest pod has 512 MiB.</summary>
    [Fact]
    public async Task Silent_connections_with_tls_fit_the_smallest_pod()
    {
        const int Warm = 100;
        const int Measured = 500;
        const long PodBytes = 512L << 20;
        Authority authority = new(_directory, "bureau");
        string[] own = authority.Issue("sample", "localhost");
        authority.Issue("hospital", "hospital", Usage.Client);
        using X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(
            Path.Combine(_directory, "bureau-hospital.crt"), Path.Combine(_directory, "bureau-hospital.key"));
        await using ServiceProcess service = await ServiceProcess.StartAsync([.. own.Select(setting => setting[2..].Split('=', 2))
            .Select(setting => (setting[0].Replace(":", "__", StringComparison.Ordinal), setting[1]))]);
        List<SslStream> open = [];
        try
        {
            await OpenAsync(Warm);
            long before = service.ResidentBytes;

            await OpenAsync(Measured);

            long each = (service.ResidentBytes - before) / Measured;
            output.WriteLine($"{each / 1_000.0:0.0} kB each; {before / 1e6:0} MB before");
            Assert.True(before + (each * new HostSettings().MaxConnections) < PodBytes, $"{each} bytes each, {before} before");
        }
        finally
        {
            foreach (SslStream stream in open) await stream.DisposeAsync();
        }

        async Task OpenAsync(int count)
        {
            for (int one = 0; one < count; one++)
            {
                Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, service.Grpc.Port);
                SslStream stream = new(new NetworkStream(socket, ownsSocket: true));
                await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
                {
                    TargetHost = "localhost",
                    ClientCertificates = [certificate],
                    CertificateChainPolicy = authority.Trust(),
                    ApplicationProtocols = [SslApplicationProtocol.Http2],
                });
                open.Add(stream);
            }
        }
    }

    [Fact]
    public async Task Caller_of_another_authority_is_refused()
    {
        await using InProcessService callee =
            await InProcessService.StartAsync(
            new Behaviour(), configure: null, new Authority(_directory, "bureau").Issue("adjudication", "localhost"));
        string[] foreign = new Authority(_directory, "foreign").Issue("gateway", "gateway");
        foreign[2] = $"--Claims:Tls:ClientCa={Path.Combine(_directory, "bureau.crt")}";
        await using ServiceProvider caller = Caller(callee.Grpc, foreign);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Theory]
    [InlineData(Usage.Server, 30)]
    [InlineData(Usage.Both, -1)]
    public async Task Caller_whose_certificate_is_a_servers_or_has_expired_is_refused(Usage usage, int minutesLeft)
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "localhost"));
        await using ServiceProvider caller = Caller(callee.Grpc, authority.Issue("gateway", "gateway", usage, minutesLeft));

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Theory]
    [InlineData("bureau", -1)]
    [InlineData("foreign", 30)]
    public async Task Server_whose_certificate_has_expired_or_is_of_another_authority_is_refused_by_the_caller(
        string issuer, int minutesLeft)
    {
        Authority bureau = new(_directory, "bureau");
        Authority other = new(_directory, "foreign");
        string[] served = (issuer == "bureau" ? bureau : other).Issue("adjudication", "localhost", Usage.Both, minutesLeft);
        served[2] = $"--Claims:Tls:ClientCa={Path.Combine(_directory, "bureau.crt")}";
        await using InProcessService callee = await InProcessService.StartAsync(new Behaviour(), configure: null, served);
        await using ServiceProvider caller = Caller(callee.Grpc, bureau.Issue("gateway", "gateway"));

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));
        Assert.Equal(StatusCode.Internal, refused.StatusCode);
        Assert.Contains("certificate", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Usage.Client, TlsRole.Client, true)]
    [InlineData(Usage.Client, TlsRole.Server, false)]
    [InlineData(Usage.Server, TlsRole.Client, false)]
    [InlineData(Usage.Server, TlsRole.Server, true)]
    [InlineData(Usage.Both, TlsRole.Client, true)]
    [InlineData(Usage.Both, TlsRole.Server, true)]
    internal void Certificate_is_trusted_in_the_roles_that_it_was_issued_for(Usage usage, TlsRole role, bool trusted)
    {
        Authority authority = new(_directory, "bureau");
        string[] files = [.. authority.Issue("adjudication", "localhost", usage)
            .Select(setting => setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..])];
        Tls tls = Tls.Load(new TlsSettings { Certificate = files[0], Key = files[1], ClientCa = files[2] });

        Assert.Equal(trusted, tls.Trusts(tls.Certificate, role));
        Assert.Equal(role == TlsRole.Server && trusted,
            role == TlsRole.Server && tls.TrustsServer(tls.Certificate, SslPolicyErrors.RemoteCertificateChainErrors));
        Assert.False(tls.TrustsServer(tls.Certificate, SslPolicyErrors.RemoteCertificateNameMismatch));
        Assert.False(tls.TrustsServer(certificate: null, SslPolicyErrors.None));
    }

    [Fact]
    public async Task Caller_without_a_certificate_is_refused()
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "localhost"));
        using SocketsHttpHandler anonymous = new() { SslOptions = { CertificateChainPolicy = authority.Trust() } };
        using HttpClient client = new(
            anonymous)
        { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri($"https://localhost:{callee.Grpc.Port}/")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Http_port_serves_either_version_to_a_caller_with_a_certificate_and_to_nobody_else(int version)
    {
        Authority authority = new(_directory, "bureau");
        WebApplicationBuilder builder =
            ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0", .. authority.Issue("gateway", "localhost")], "sample");
        builder.ReadSettings<NoSettings>(MainPort.Http);
        builder.Logging.ClearProviders();
        await using WebApplication app = builder.Build();
        app.MapGet("/version", (HttpContext context) => context.Request.Protocol);
        await app.StartAsync();
        string[] files = [.. authority.Issue("clinic", "clinic")
            .Select(setting => setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..])];
        using X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(files[0], files[1]);
        using HttpClient clinic = Client([certificate]);
        using HttpClient anonymous = Client([]);

        Assert.Equal(version == 1 ? "HTTP/1.1" : "HTTP/2", await clinic.GetStringAsync(Address()));
        await Assert.ThrowsAsync<HttpRequestException>(() => anonymous.GetStringAsync(Address()));

        Uri Address() => new($"https://localhost:{app.Addresses().Main.Port}/version");

        HttpClient Client(X509CertificateCollection certificates)
        {
            SocketsHttpHandler handler =
                new() { SslOptions = { CertificateChainPolicy = authority.Trust(), ClientCertificates = certificates } };
            return new HttpClient(handler)
            {
                DefaultRequestVersion = new Version(version, version == 1 ? 1 : 0),
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
        }
    }

    [Fact]
    public async Task Server_certificate_of_another_name_is_refused_by_the_caller()
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "elsewhere"));
        await using ServiceProvider caller = Caller(callee.Grpc, authority.Issue("gateway", "gateway"));

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await caller.GetRequiredService<Adjudication.AdjudicationClient>().SettleAsync(new SettleRequest()));
        Assert.Equal(StatusCode.Internal, refused.StatusCode);
        Assert.Contains("certificate", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Tls_given_in_part_or_unreadable_is_named()
    {
        string key = Path.Combine(_directory, "odd.key");
        File.WriteAllText(key, "not a key");
        Assert.Equal(
            [
                "Setting Claims:Tls:Certificate (environment variable Claims__Tls__Certificate) is missing: mutual TLS takes "
                    + "Tls:Certificate, Tls:Key and Tls:ClientCa together.",
                $"Setting Claims:Tls:ClientCa (environment variable Claims__Tls__ClientCa) names a file that does not "
                    + $"exist: {_directory}/none.",
            ],
            Read($"--Claims:Tls:Key={key}", $"--Claims:Tls:ClientCa={_directory}/none").Errors);

        string[] issued = new Authority(_directory, "bureau").Issue("adjudication", "localhost");
        issued[1] = $"--Claims:Tls:Key={key}";
        Assert.Contains("Setting Claims:Tls:Certificate", Assert.Single(Read(issued).Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "Certificate")]
    [InlineData(1, "Key")]
    [InlineData(2, "ClientCa")]
    public void Tls_file_that_is_left_out_is_the_one_named(int left, string name)
    {
        string[] issued = new Authority(_directory, "bureau").Issue("adjudication", "localhost");

        Assert.Equal(
            [$"Setting Claims:Tls:{name} (environment variable Claims__Tls__{name}) is missing: mutual TLS takes Tls:Certificate, Tls:Key "
                + $"and Tls:ClientCa together."],
            Read([.. issued.Where((_, index) => index != left)]).Errors);
    }

    [Fact]
    public void Tls_authority_without_a_certificate_is_named()
    {
        string[] issued = new Authority(_directory, "bureau").Issue("adjudication", "localhost");
        string empty = Path.Combine(_directory, "empty.crt");
        File.WriteAllText(empty, "");
        issued[2] = $"--Claims:Tls:ClientCa={empty}";

        Assert.Equal(["Setting Claims:Tls:ClientCa (environment variable Claims__Tls__ClientCa) cannot be read as PEM: it holds no "
            + "certificate."], Read(issued).Errors);
    }

    private static SettingsException Read(params string[] settings) => Assert.Throws<SettingsException>(
        () => ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0", .. settings], "sample").ReadSettings<NoSettings>());

    private static ServiceProvider Caller(Uri callee, string[] tls)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0", .. tls], "caller");
        builder.ReadSettings<NoSettings>();
        builder.AddClaimsClient<Adjudication.AdjudicationClient>(
            Guid.NewGuid().ToString("N"), $"https://localhost:{callee.Port}", TimeSpan.FromSeconds(20));
        return builder.Services.BuildServiceProvider();
    }

    private sealed class NoSettings;
}
