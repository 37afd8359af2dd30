using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Hosting.Tests;

public sealed class AccessControlTests
{
    [Theory]
    [InlineData("claims://facility/H41010000001")]
    [InlineData("claims://clinic/HW1")]
    [InlineData("claims://service/adjudication")]
    [InlineData("claims://service/eligibility")]
    [InlineData("claims://service/ledger")]
    [InlineData("claims://service/gateway")]
    [InlineData("claims://role/finance")]
    [InlineData("claims://role/operations")]
    [InlineData("claims://role/bureau")]
    [InlineData("claims://role/audit")]
    [InlineData("claims://role/local")]
    [InlineData("claims://role/bureau/zhang.wei")]
    public void Identity_is_read_from_its_uri_and_written_as_it_was(string uri)
    {
        Assert.True(Identity.TryParse(uri, out Identity? identity));
        Assert.Equal((uri, uri.Split('/')[3]), (identity.ToString(), identity.Name));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("claims://facility/")]
    [InlineData("claims://facility")]
    [InlineData("claims://facility/H1/H2")]
    [InlineData("claims://facility/H 1")]
    [InlineData("claims://facility/Ｈ1")]
    [InlineData("claims://facility/H1?x")]
    [InlineData("CLAIMS://facility/H1")]
    [InlineData("https://facility/H1")]
    [InlineData("claims://service/else")]
    [InlineData("claims://role/root")]
    [InlineData("claims://hospital/H1")]
    [InlineData("claims://role/local/zhang.wei")]
    [InlineData("claims://role/bureau/")]
    [InlineData("claims://role/bureau/zhang/wei")]
    [InlineData("claims://service/ledger/zhang.wei")]
    public void What_is_no_identity_is_not_read_as_one(string? uri) => Assert.False(Identity.TryParse(uri, out _));

    [Fact]
    public void Code_of_more_than_64_characters_is_no_identity()
    {
        Assert.True(Identity.TryParse($"claims://facility/{new string('H', 64)}", out _));
        Assert.False(Identity.TryParse($"claims://facility/{new string('H', 65)}", out _));
    }

    [Theory]
    [InlineData("H1", StatusCode.OK)]
    [InlineData("H2", StatusCode.PermissionDenied)]
    [InlineData("h1", StatusCode.PermissionDenied)]
    [InlineData("", StatusCode.PermissionDenied)]
    public async Task Facility_is_served_for_itself_alone(string facility, StatusCode expected)
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);

        Status status = await SettleAsync(channel, As("claims://facility/H1"), facility);

        Assert.Equal(expected, status.StatusCode);
        if (expected == StatusCode.OK) return;
        Assert.Equal(
            "claims://facility/H1 只能办理本机构的业务，请求中的 facility_code 不是 H1，请核对机构编号或接入证书。", status.Detail);
    }

    [Fact]
    public async Task Stream_ends_at_the_first_message_of_another_facility_and_answers_what_came_before()
    {
        int settled = 0;
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour
        {
            Settle = (request, _) =>
            {
                Interlocked.Increment(ref settled);
                return Task.FromResult(new SettleReply { RequestId = request.RequestId });
            },
        });
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> call =
            new Adjudication.AdjudicationClient(channel).SettleStream(As("claims://facility/H1"));

        await call.RequestStream.WriteAsync(new SettleRequest { RequestId = "R1", FacilityCode = "H1" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        await call.RequestStream.WriteAsync(new SettleRequest { RequestId = "R2", FacilityCode = "H2" });
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal((StatusCode.PermissionDenied, 1), (refused.StatusCode, settled));
    }

    [Theory]
    [InlineData("claims://service/gateway", "claims://clinic/H1", "H1", StatusCode.OK)]
    [InlineData("claims://service/gateway", "claims://facility/H1", "H1", StatusCode.OK)]
    [InlineData("claims://service/gateway", "claims://clinic/H1", "H2", StatusCode.PermissionDenied)]
    [InlineData("claims://service/gateway", "claims://role/local", "H2", StatusCode.OK)]
    [InlineData("claims://service/gateway", null, "H1", StatusCode.PermissionDenied)]
    [InlineData("claims://service/gateway", "claims://role/bureau", "H1", StatusCode.Unauthenticated)]
    [InlineData("claims://service/gateway", "claims://service/adjudication", "H1", StatusCode.Unauthenticated)]
    [InlineData("claims://service/gateway", "somebody", "H1", StatusCode.Unauthenticated)]
    [InlineData("claims://service/ledger", "claims://clinic/H1", "H1", StatusCode.PermissionDenied)]
    [InlineData("claims://facility/H1", "claims://clinic/H2", "H2", StatusCode.PermissionDenied)]
    [InlineData("nobody", null, "H1", StatusCode.Unauthenticated)]
    [InlineData("claims://role/finance", null, "H1", StatusCode.PermissionDenied)]
    public async Task Gateway_alone_speaks_for_others_and_for_clinics_alone(
        string uri, string? behalf, string facility, StatusCode expected)
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Metadata headers = As(uri);
        if (behalf is not null) headers.Add(Identity.OnBehalfHeader, behalf);

        Assert.Equal(expected, (await SettleAsync(channel, headers, facility)).StatusCode);
    }

    [Fact]
    public async Task Header_that_stands_twice_says_nothing()
    {
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour());
        using GrpcChannel channel = GrpcChannel.ForAddress(service.Grpc);
        Metadata headers = As("claims://facility/H1");
        headers.Add(Identity.Header, "claims://facility/H2");

        Assert.Equal(StatusCode.Unauthenticated, (await SettleAsync(channel, headers, "H1")).StatusCode);
    }

    [Fact]
    public async Task Operators_methods_are_served_on_their_port_alone_and_hospitals_on_theirs()
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0"], "sample");
        builder.ReadSettings<NoSettings>(operatorsPort: _ => 0);
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new Behaviour());
        await using WebApplication app = builder.Build();
        app.MapGrpcService<FakeAdjudication>();
        app.MapGrpcService<FakeOperations>();
        await app.StartAsync();
        using GrpcChannel main = GrpcChannel.ForAddress(app.Addresses().Main);
        using GrpcChannel operators = GrpcChannel.ForAddress(app.Addresses().Operators!);

        Assert.Equal(StatusCode.OK, (await SettleAsync(main, [], "H1")).StatusCode);
        Assert.Equal(StatusCode.Unimplemented, (await SettleAsync(operators, [], "H1")).StatusCode);
        Assert.Equal(StatusCode.Unimplemented, await OutboxAsync(main));
        Assert.Equal(StatusCode.OK, await OutboxAsync(operators));
    }

    [Fact]
    public async Task Refused_calls_are_counted_by_their_reason_and_told_once_a_second()
    {
        using Measured measured = new("Claims.Hosting", ("reason", "other_facility"), ofThisThread: true);
        StoppedTime time = new();
        List<string> log = [];
        AccessControl access = new(hasOperatorsPort: false, time, new Lines(log));
        Identity hospital = new(Callers.Facility, "H1");

        for (int call = 0; call < 3; call++)
            Assert.Throws<RpcException>(() => access.RequireOwn(hospital, "H2", "/claims.v1.Adjudication/Settle"));
        time.Now += TimeSpan.FromSeconds(1);
        Assert.Throws<RpcException>(() => access.RequireOwn(hospital, "H2", "/claims.v1.Adjudication/Cancel"));
        access.RequireOwn(hospital, "H1", "/claims.v1.Adjudication/Cancel");

        Assert.Equal(4, measured.Sum("claims_calls_refused_total"));
        Assert.Equal(
            ["claims://facility/H1 is refused /claims.v1.Adjudication/Settle: other_facility.",
                "claims://facility/H1 is refused /claims.v1.Adjudication/Cancel: other_facility."], log);
    }

    [Theory]
    [InlineData("O=hospital", new[] { "claims://facility/H1" }, "claims://facility/H1")]
    [InlineData("O=hospital", new[] { "claims://facility/H1", "claims://facility/H2" }, null)]
    [InlineData("O=hospital", new[] { "claims://facility/H1", "claims://role/root" }, null)]
    [InlineData("O=hospital", new[] { "claims://role/local" }, null)]
    [InlineData("O=hospital", new[] { "urn:hospital:7" }, "claims://facility/H7")]
    [InlineData("O=hospital", new[] { "claims://facility/H1", "urn:hospital:7" }, "claims://facility/H1")]
    [InlineData("CN=ward, O=hospital eight", new string[0], "claims://facility/H8")]
    [InlineData("O=hospital", new[] { "urn:hospital:8" }, null)]
    public void Certificate_says_who_its_holder_is_by_a_claims_name_or_by_the_bureaus_file(string subject, string[] names, string? expected)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, """
            # The bureau's own names.
            claims://facility/H7 urn:hospital:7
            claims://facility/H8 CN=ward, O=hospital eight

            """);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder alternative = new();
        alternative.AddDnsName("localhost");
        foreach (string name in names) alternative.AddUri(new Uri(name));
        request.CertificateExtensions.Add(alternative.Build());
        using X509Certificate2 certificate =
            request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));

        Assert.Equal(expected, CertificateNames.Load(file).IdentityOf(certificate)?.ToString());
        File.Delete(file);
    }

    [Theory]
    [InlineData(
        "claims://facility/H7 a\nclaims://facility/H8\n", "line 2 is not an identity, claims://facility/CODE for one, and a name after it")]
    [InlineData("H7 a\n", "line 1 is not an identity, claims://facility/CODE for one, and a name after it")]
    [InlineData("claims://role/local a\n", "line 1 is not an identity, claims://facility/CODE for one, and a name after it")]
    [InlineData("claims://facility/H7 a\n\nclaims://facility/H8 a\n", "line 3 has a name that stands above already")]
    public void Line_of_the_bureaus_file_that_is_wrong_is_named(string text, string fault)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, text);

        Assert.Equal(fault, Assert.Throws<InvalidDataException>(() => CertificateNames.Load(file)).Message);
        File.Delete(file);
    }

    private static Metadata As(string uri) => new() { { Identity.Header, uri } };

    private static async Task<Status> SettleAsync(GrpcChannel channel, Metadata headers, string facility)
    {
        using AsyncUnaryCall<SettleReply> call = new Adjudication.AdjudicationClient(channel)
            .SettleAsync(new SettleRequest { RequestId = "R1", FacilityCode = facility }, headers);
        try
        {
            await call;
        }
        catch (RpcException refused)
        {
            return refused.Status;
        }

        return Status.DefaultSuccess;
    }

    private static async Task<StatusCode> OutboxAsync(GrpcChannel channel)
    {
        try
        {
            await new AdjudicationOperations.AdjudicationOperationsClient(channel).GetOutboxAsync(new GetOutboxRequest());
            return StatusCode.OK;
        }
        catch (RpcException refused)
        {
            return refused.StatusCode;
        }
    }

    private sealed class NoSettings;

    private sealed class StoppedTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class Lines(List<string> lines) : ILogger<AccessControl>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Add(formatter(state, exception));
    }
}
