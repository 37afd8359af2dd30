using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using static Hosting.Tests.Eventually;

namespace Hosting.Tests;

/// <summary>Files of TLS that change while a service runs, by real handshakes.</summary>
public sealed class CertificateReloadTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("claims-reload-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Renewed_certificate_is_shown_to_new_connections_and_a_stream_goes_on()
    {
        Authority authority = new(_directory, "bureau");
        string[] served = authority.Issue("adjudication", "localhost");
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), configure: null, served);
        string[] files = Files(authority.Issue("hospital", "hospital"));
        using Shown before = new(service.Grpc, files);
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = before.Client.SettleStream();
        await AskAsync(stream);

        authority.Issue("adjudication", "localhost");
        string renewed = SerialOf(Files(served)[0]);
        Assert.NotEqual(renewed, before.ServerSerial);

        await UntilAsync(() => Task.FromResult(service.Services.GetRequiredService<Tls>().Certificate.SerialNumber == renewed));
        using Shown after = new(service.Grpc, files);
        await after.Client.SettleAsync(Caller.Visit());
        Assert.Equal(renewed, after.ServerSerial);
        await AskAsync(stream);
    }

    [Fact]
    public async Task Certificate_behind_a_link_that_is_replaced_is_read_again_and_a_broken_one_changes_nothing()
    {
        Authority authority = new(_directory, "bureau");
        string[] files = Files(authority.Issue("adjudication", "localhost"));
        string mount = Path.Combine(_directory, "mount");
        Mount("first", File.ReadAllText(files[0]), File.ReadAllText(files[1]));
        Tls tls = Tls.Load(new TlsSettings
        {
            Certificate = Path.Combine(mount, "tls.crt"),
            Key = Path.Combine(mount, "tls.key"),
            ClientCa = files[2],
        });
        string first = tls.Certificate.SerialNumber;
        Assert.False(tls.ReadAgain());

        string[] second = Files(authority.Issue("adjudication", "localhost"));
        Mount("broken", File.ReadAllText(second[0]), "no key");
        SettingsException refused = Assert.Throws<SettingsException>(() => tls.ReadAgain());
        Assert.Contains("Claims__Tls__Certificate", refused.Errors.Single(), StringComparison.Ordinal);
        Assert.Equal((first, 1), (tls.Certificate.SerialNumber, tls.Version));
        Assert.False(tls.ReadAgain());

        Mount("second", File.ReadAllText(second[0]), File.ReadAllText(second[1]));
        Assert.True(tls.ReadAgain());
        Assert.Equal((SerialOf(second[0]), 2), (tls.Certificate.SerialNumber, tls.Version));

        void Mount(string name, string certificate, string key)
        {
            string directory = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
            File.WriteAllText(Path.Combine(directory, "tls.crt"), certificate);
            File.WriteAllText(Path.Combine(directory, "tls.key"), key);
            if (Directory.Exists(mount)) Directory.Delete(mount);
            Directory.CreateSymbolicLink(mount, directory);
        }
    }

    [Fact]
    public async Task Broken_file_is_told_in_log_and_metric_and_callers_go_on()
    {
        Authority authority = new(_directory, "bureau");
        string[] served = authority.Issue("adjudication", "localhost");
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), configure: null, served);
        string[] files = Files(authority.Issue("hospital", "hospital"));
        string whole = File.ReadAllText(Files(served)[0]);
        TlsReload reload = service.Services.GetServices<IHostedService>().OfType<TlsReload>().Single();
        Assert.False(reload.IsUnusable);

        File.WriteAllText(Files(served)[0], "no certificate");

        await UntilAsync(() => Task.FromResult(reload.IsUnusable));
        Assert.Contains("what they held before stays in use", Assert.Single(service.Log), StringComparison.Ordinal);
        using Shown caller = new(service.Grpc, files);
        await caller.Client.SettleAsync(Caller.Visit());

        File.WriteAllText(Files(served)[0], whole);
        await UntilAsync(() => Task.FromResult(!reload.IsUnusable));
    }

    [Fact]
    public async Task Certificate_that_is_taken_back_is_refused_at_the_next_call_its_stream_ends_and_it_connects_no_more()
    {
        Authority authority = new(_directory, "bureau");
        string[] first = Files(authority.Issue("first", "first"));
        string[] second = Files(authority.Issue("second", "second"));
        string revoked = authority.Revoke([]);
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), configure: null,
            [.. authority.Issue("adjudication", "localhost"), $"--Claims:Tls:Revoked={revoked}"]);
        using Shown one = new(service.Grpc, first);
        using Shown other = new(service.Grpc, second);
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = one.Client.SettleStream();
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> others = other.Client.SettleStream();
        await AskAsync(stream);
        await AskAsync(others);

        authority.Revoke([first[0]]);

        RpcException ended = await Assert.ThrowsAsync<RpcException>(
            () => stream.ResponseStream.MoveNext(CancellationToken.None)).WaitAsync(Bound);
        Assert.Equal(StatusCode.Unauthenticated, ended.StatusCode);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await one.Client.SettleAsync(Caller.Visit()));
        Assert.Equal((StatusCode.Unauthenticated, "身份未通过验证：接入证书已被吊销或不再受信任，请联系医保经办机构核对接入证书。"),
            (refused.StatusCode, refused.Status.Detail));
        using Shown again = new(service.Grpc, first);
        RpcException unconnected = await Assert.ThrowsAsync<RpcException>(async () => await again.Client.SettleAsync(Caller.Visit()));
        Assert.True(ClaimsChannel.IsBroken(unconnected), unconnected.ToString());
        await AskAsync(others);
        await other.Client.SettleAsync(Caller.Visit());
    }

    [Fact]
    public async Task Authority_that_is_no_longer_in_the_file_is_refused_at_the_next_call()
    {
        Authority bureau = new(_directory, "bureau");
        Authority old = new(_directory, "old");
        string[] served = bureau.Issue("adjudication", "localhost");
        string trusted = Path.Combine(_directory, "trusted.crt");
        File.WriteAllText(trusted, File.ReadAllText(Files(served)[2]) + "\n" + File.ReadAllText(Path.Combine(_directory, "old.crt")));
        served[2] = $"--Claims:Tls:ClientCa={trusted}";
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), configure: null, served);
        string[] files = Files(old.Issue("hospital", "hospital"));
        files[2] = trusted;
        using Shown caller = new(service.Grpc, files);
        await caller.Client.SettleAsync(Caller.Visit());

        File.WriteAllText(trusted, File.ReadAllText(Path.Combine(_directory, "bureau.crt")));

        await UntilAsync(async () =>
        {
            try
            {
                await caller.Client.SettleAsync(Caller.Visit());
                return false;
            }
            catch (RpcException e)
            {
                Assert.Equal(StatusCode.Unauthenticated, e.StatusCode);
                return true;
            }
        });
    }

    [Fact]
    public async Task Calls_of_a_service_go_on_with_its_renewed_certificate()
    {
        Authority authority = new(_directory, "bureau");
        await using InProcessService callee =
            await InProcessService.StartAsync(new Behaviour(), configure: null, authority.Issue("adjudication", "localhost"));
        string[] own = authority.Issue("gateway", "gateway", identity: "claims://facility/H1");
        Tls tls = Tls.Load(new TlsSettings { Certificate = Files(own)[0], Key = Files(own)[1], ClientCa = Files(own)[2] });
        authority.Issue("gateway", "gateway", identity: "claims://facility/H2");
        Assert.True(tls.ReadAgain());

        using GrpcChannel channel =
            ClaimsChannel.To($"https://localhost:{callee.Grpc.Port}", ClaimsChannel.CreateHandler(tls));

        await new Adjudication.AdjudicationClient(channel).SettleAsync(Caller.Visit("H2"));
    }

    [Fact]
    public async Task Overdue_list_stays_in_use()
    {
        Authority authority = new(_directory, "bureau");
        string[] first = Files(authority.Issue("first", "first"));
        string[] second = Files(authority.Issue("second", "second"));
        string revoked = authority.Revoke([first[0]], hoursLeft: -1);
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), configure: null,
            [.. authority.Issue("adjudication", "localhost"), $"--Claims:Tls:Revoked={revoked}"]);
        using Shown one = new(service.Grpc, first);
        using Shown other = new(service.Grpc, second);

        await Assert.ThrowsAsync<RpcException>(async () => await one.Client.SettleAsync(Caller.Visit()));
        await other.Client.SettleAsync(Caller.Visit());
        Assert.InRange(service.Services.GetRequiredService<Tls>().RevocationsDue!.Value,
            DateTimeOffset.UtcNow.AddHours(-2), DateTimeOffset.UtcNow);
    }

    [Fact]
    public void Overdue_list_is_told_once_and_its_time_is_in_the_metric()
    {
        Authority authority = new(_directory, "bureau");
        string[] files = Files(authority.Issue("adjudication", "localhost"));
        string revoked = authority.Revoke([], hoursLeft: -1);
        Tls tls = Tls.Load(new TlsSettings { Certificate = files[0], Key = files[1], ClientCa = files[2], Revoked = revoked });
        Warnings warnings = new();
        using TlsReload reload = new(tls, TimeProvider.System, warnings);

        for (int look = 0; look < 3; look++) reload.Look();

        DateTimeOffset due = tls.RevocationsDue!.Value;
        Assert.Equal([$"The list of certificates that were taken back is overdue since {due:u}; it stays in use."], warnings.Lines);
        using Measured measured = new("Claims.Hosting", ofThisThread: true);
        Assert.Equal(due.ToUnixTimeSeconds(), measured.Observe("claims_revocation_list_due_timestamp_seconds"));

        // Another one is in time; the next that is not is told again.
        authority.Revoke([], hoursLeft: 1);
        reload.Look();
        Assert.Single(warnings.Lines);
        authority.Revoke([], hoursLeft: -2);
        reload.Look();
        Assert.Equal(2, warnings.Lines.Count);
    }

    [Fact]
    public void Lists_of_several_authorities_count_and_the_first_that_is_due_is_the_one_told()
    {
        Authority bureau = new(_directory, "bureau");
        Authority other = new(_directory, "other");
        string[] own = Files(bureau.Issue("adjudication", "localhost"));
        string[] first = Files(bureau.Issue("first", "first"));
        string[] second = Files(other.Issue("second", "second"));
        string[] third = Files(other.Issue("third", "third"));
        string later = bureau.Revoke([first[0]], hoursLeft: 2, file: "bureau.pem");
        string sooner = other.Revoke([second[0]], hoursLeft: 1, file: "other.pem");
        string trusted = Together("trusted.crt", bureau.CertificateFile, other.CertificateFile);
        Tls tls = Tls.Load(new TlsSettings
        {
            Certificate = own[0],
            Key = own[1],
            ClientCa = trusted,
            Revoked = Together("revoked.pem", later, sooner),
        });

        Assert.Equal([false, false, true], new[] { first, second, third }.Select(files => IsTrusted(tls, files[0])));
        Assert.InRange(tls.RevocationsDue!.Value, DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddHours(1));
    }

    [Fact]
    public void Authority_that_another_has_taken_back_is_trusted_no_longer_with_all_that_it_issued()
    {
        Authority root = new(_directory, "root");
        Authority hospitals = new(_directory, "hospitals", root);
        string[] own = Files(root.Issue("adjudication", "localhost"));
        string[] hospital = Files(hospitals.Issue("hospital", "hospital"));
        TlsSettings settings = new()
        {
            Certificate = own[0],
            Key = own[1],
            ClientCa = Together("trusted.crt", root.CertificateFile, hospitals.CertificateFile),
            Revoked = root.Revoke([]),
        };
        Tls tls = Tls.Load(settings);
        Assert.True(IsTrusted(tls, hospital[0]));

        root.Revoke([hospitals.CertificateFile]);

        Assert.True(tls.ReadAgain());
        Assert.False(IsTrusted(tls, hospital[0]));
        Assert.True(IsTrusted(tls, own[0]));
    }

    [Fact]
    public void List_of_changes_alone_is_not_taken_for_a_whole_one()
    {
        Authority authority = new(_directory, "bureau");
        string[] files = Files(authority.Issue("adjudication", "localhost"));

        SettingsException refused = Assert.Throws<SettingsException>(() => Tls.Load(new TlsSettings
        {
            Certificate = files[0],
            Key = files[1],
            ClientCa = files[2],
            Revoked = authority.RevokeSince(list: 1, "changes.pem"),
        }));

        Assert.Contains("has the critical extension 2.5.29.27, which is not known here: give whole lists", refused.Errors.Single(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void File_of_identities_that_changes_is_read_again()
    {
        Authority authority = new(_directory, "bureau");
        string[] files = Files(authority.Issue("hospital", "hospital", identity: null));
        string identities = Path.Combine(_directory, "identities");
        File.WriteAllText(identities, "claims://facility/H1 CN=hospital\n");
        Tls tls = Tls.Load(new TlsSettings { Certificate = files[0], Key = files[1], ClientCa = files[2], Identities = identities });
        Assert.Equal("claims://facility/H1", tls.IdentityOf(tls.Certificate)!.ToString());

        File.WriteAllText(identities, "claims://facility/H2 CN=hospital\n");

        Assert.True(tls.ReadAgain());
        Assert.Equal("claims://facility/H2", tls.IdentityOf(tls.Certificate)!.ToString());
        File.WriteAllText(identities, "nobody\n");
        Assert.StartsWith("Setting Claims:Tls:Identities (environment variable Claims__Tls__Identities) names a file that cannot be used: "
            + "line 1 ", Assert.Throws<SettingsException>(() => tls.ReadAgain()).Errors.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void List_that_is_none_or_of_another_authority_ends_the_start()
    {
        Authority authority = new(_directory, "bureau");
        string foreign = new Authority(_directory, "foreign").Revoke([]);
        Assert.Equal("Setting Claims:Tls:Revoked (environment variable Claims__Tls__Revoked) names a file that cannot be used: a list is "
            + "signed by none of the authorities in Claims__Tls__ClientCa.", Fault(foreign));
        string forged = Path.Combine(_directory, "forged.pem");
        File.WriteAllText(forged, Forged(authority.Revoke([])));
        Assert.Contains("signed by none", Fault(forged), StringComparison.Ordinal);
        File.WriteAllText(forged, "");
        Assert.EndsWith("it holds no X509 CRL.", Fault(forged), StringComparison.Ordinal);
        File.WriteAllText(forged, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
        Assert.Contains("list 1 is not a CRL", Fault(forged), StringComparison.Ordinal);
        Assert.EndsWith($"names a file that does not exist: {_directory}/none.", Fault($"{_directory}/none"), StringComparison.Ordinal);

        string Fault(string revoked) => Assert.Single(Assert.Throws<SettingsException>(() => ServiceHost.CreateBuilder(
            ["--Claims:Port=0", "--Claims:MetricsPort=0", .. authority.Issue("adjudication", "localhost"),
                $"--Claims:Tls:Revoked={revoked}"], "sample").ReadSettings<NoSettings>()).Errors);
    }

    private string Together(string name, params string[] files)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllText(path, string.Join('\n', files.Select(File.ReadAllText)));
        return path;
    }

    private static bool IsTrusted(Tls tls, string file)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(file);
        return tls.Trusts(certificate, TlsRole.Client);
    }

    // The last byte is of the signature.
    private static string Forged(string path)
    {
        string pem = File.ReadAllText(path);
        byte[] der = Convert.FromBase64String(string.Concat(pem.Split('\n').Where(line => !line.StartsWith('-'))));
        der[^1] ^= 1;
        return $"-----BEGIN X509 CRL-----\n{Convert.ToBase64String(der)}\n-----END X509 CRL-----\n";
    }

    private static string[] Files(string[] settings) =>
        [.. settings.Select(setting => setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..])];

    private static string SerialOf(string path)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(path);
        return certificate.SerialNumber;
    }

    private static async Task AskAsync(AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream)
    {
        await stream.RequestStream.WriteAsync(Caller.Visit());
        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Bound));
    }

    private sealed class NoSettings;

    private sealed class Warnings : ILogger<TlsReload>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) Lines.Add(formatter(state, exception));
        }
    }

    /// <summary>A caller with a certificate, who keeps the serial number of the server's.</summary>
    private sealed class Shown : IDisposable
    {
        private readonly GrpcChannel _channel;

        public Shown(Uri service, string[] files)
        {
            SocketsHttpHandler handler =
                ClaimsChannel.CreateHandler(new TlsSettings { Certificate = files[0], Key = files[1], ClientCa = files[2] });
            RemoteCertificateValidationCallback trusts = handler.SslOptions.RemoteCertificateValidationCallback!;
            handler.SslOptions.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) =>
            {
                ServerSerial = ((X509Certificate2)certificate!).SerialNumber;
                return trusts(sender, certificate, chain, errors);
            };
            _channel = ClaimsChannel.To($"https://localhost:{service.Port}", handler);
            Client = new Adjudication.AdjudicationClient(_channel);
        }

        public string? ServerSerial { get; private set; }

        public Adjudication.AdjudicationClient Client { get; }

        public void Dispose() => _channel.Dispose();
    }
}
