using System.Collections.Concurrent;
using System.Net;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests;

/// <summary>Eligibility's part for clinics in this process, over gRPC on loopback: one clerk, "王医生" of HW1 with the password "right-one",
/// whose sessions and tokens lie open to the test.</summary>
internal sealed class FakeEligibility : IAsyncDisposable
{
    public const string FacilityCode = "HW1";
    public const string Clerk = "王医生";
    public const string Password = "right-one";

    private readonly WebApplication _app;
    private int _tokens;

    private FakeEligibility(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    /// <summary>By token.</summary>
    public ConcurrentDictionary<string, ClinicSession> Sessions { get; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<LogInRequest> LogIns { get; } = new();

    /// <summary>Seconds that a locked name has to wait; null: it is not locked.</summary>
    public int? LockedSeconds { get; set; }

    public bool MustChangePassword { get; set; }

    public Func<FindInsuredRequest, InsuredCard?> Find { get; set; } = request =>
        new InsuredCard { InsuredId = request.InsuredId, NameMasked = "张*丰", Scheme = "resident", County = "410105", CountyName = "金水区" };

    public Func<SearchCatalogueRequest, CatalogueMatches> Search { get; set; } = _ => new CatalogueMatches
    {
        Items =
        {
            new CatalogueMatch
            {
                ItemCode = "XJ01", Name = "阿莫西林", PinyinInitials = "amxl", ItemClass = ItemClass.ClassB,
                FirstSelfPayBasisPoints = 1000, PriceLimitMilliFen = 250_000,
            },
        },
    };

    public static async Task<FakeEligibility> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        TaskCompletionSource<FakeEligibility> made = new();
        builder.Services.AddSingleton(_ => made.Task.Result);
        builder.Services.AddSingleton<Access>().AddSingleton<Registry>();
        builder.Services.AddGrpc();
        WebApplication app = builder.Build();
        app.MapGrpcService<Access>();
        app.MapGrpcService<Registry>();
        await app.StartAsync();
        FakeEligibility fake = new(app);
        made.SetResult(fake);
        return fake;
    }

    /// <summary>A token of a machine.</summary>
    public string Issue(string facilityCode = FacilityCode, bool machine = true)
    {
        string token = $"token-{Interlocked.Increment(ref _tokens)}-of-forty-characters-and-more";
        Sessions[token] = new ClinicSession
        {
            FacilityCode = facilityCode,
            FacilityName = "示例卫生室",
            Clerk = Clerk,
            ExpiresAt = "2026-06-18T20:00:00+08:00",
            MustChangePassword = MustChangePassword,
            Machine = machine,
            StorageKey = machine ? ByteString.Empty : ByteString.CopyFrom(new byte[32]),
        };
        return token;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private sealed class Access(FakeEligibility fake) : ClinicAccess.ClinicAccessBase
    {
        public override Task<LogInReply> LogIn(LogInRequest request, ServerCallContext context)
        {
            fake.LogIns.Enqueue(request);
            if (fake.LockedSeconds is { } seconds)
                return Task.FromResult(new LogInReply { Outcome = LogInOutcome.LockedOut, RetryAfterSeconds = seconds });
            if ((request.FacilityCode, request.Clerk, request.Password) != (FacilityCode, Clerk, Password))
                return Task.FromResult(new LogInReply { Outcome = LogInOutcome.WrongCredentials });
            if (request.Replaces.Length > 0) fake.Sessions.TryRemove(request.Replaces, out _);
            string token = fake.Issue(machine: false);
            return Task.FromResult(new LogInReply { Outcome = LogInOutcome.LoggedIn, Token = token, Session = fake.Sessions[token] });
        }

        public override Task<CheckTokenReply> CheckToken(CheckTokenRequest request, ServerCallContext context) =>
            Task.FromResult(new CheckTokenReply { Session = fake.Sessions.GetValueOrDefault(request.Token) });

        public override Task<ChangePasswordReply> ChangePassword(ChangePasswordRequest request, ServerCallContext context)
        {
            if (fake.LockedSeconds is { } seconds)
            {
                return Task.FromResult(
                    new ChangePasswordReply { Outcome = ChangePasswordOutcome.TriesLockedOut, RetryAfterSeconds = seconds });
            }

            if (request.NewPassword.Length < 10)
                return Task.FromResult(new ChangePasswordReply { Outcome = ChangePasswordOutcome.NewPasswordWeak, Text = "新密码太短。" });
            if (request.OldPassword != Password)
                return Task.FromResult(new ChangePasswordReply { Outcome = ChangePasswordOutcome.OldPasswordWrong, Text = "原密码不正确。" });
            if (request.NewPassword == request.OldPassword)
                return Task.FromResult(new ChangePasswordReply { Outcome = ChangePasswordOutcome.NewPasswordWeak, Text = "新密码太弱。" });
            fake.Sessions[request.Token].MustChangePassword = false;
            return Task.FromResult(
                new ChangePasswordReply { Outcome = ChangePasswordOutcome.Changed, Session = fake.Sessions[request.Token] });
        }

        public override Task<LogOutReply> LogOut(LogOutRequest request, ServerCallContext context)
        {
            fake.Sessions.TryRemove(request.Token, out _);
            return Task.FromResult(new LogOutReply());
        }
    }

    private sealed class Registry(FakeEligibility fake) : ClinicRegistry.ClinicRegistryBase
    {
        public override Task<InsuredCard> FindInsured(FindInsuredRequest request, ServerCallContext context) =>
            Task.FromResult(fake.Find(request) ?? throw new RpcException(new Status(StatusCode.NotFound, "")));

        public override Task<CatalogueMatches> SearchCatalogue(SearchCatalogueRequest request, ServerCallContext context) =>
            Task.FromResult(fake.Search(request));
    }
}
