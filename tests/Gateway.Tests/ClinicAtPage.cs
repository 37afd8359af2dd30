using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Claims.Gateway;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Tests;

/// <summary>A gateway with a page, and a browser of a few lines: it sends the cookie that it has, and the token against forged
/// requests.</summary>
internal sealed class ClinicAtPage : IAsyncDisposable
{
    private readonly FakeAdjudication _adjudication;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    private ClinicAtPage(FakeAdjudication adjudication, FakeEligibility eligibility, RunningGateway gateway)
    {
        _adjudication = adjudication;
        Eligibility = eligibility;
        Gateway = gateway;
    }

    public FakeEligibility Eligibility { get; }

    public RunningGateway Gateway { get; }

    /// <summary>What came to Adjudication and the ledger.</summary>
    public IReadOnlyCollection<IMessage> Asked => _adjudication.Requests;

    public string? Cookie { get; set; }

    public string? CsrfToken { get; set; }

    /// <summary>As the last answer had it.</summary>
    public string? SetCookie { get; private set; }

    public static Task<ClinicAtPage> StartAsync(params string[] settings) => StartAsync(Answered, _ => { }, settings);

    public static async Task<ClinicAtPage> StartAsync(
        Func<IMessage, ServerCallContext, Task<IMessage>> answer, Action<IServiceCollection> replace, params string[] settings)
    {
        FakeAdjudication adjudication = await FakeAdjudication.StartAsync(answer);
        FakeEligibility eligibility = await FakeEligibility.StartAsync();
        RunningGateway gateway = await RunningGateway.StartAsync(
            adjudication.Address, replace, [$"--Claims:EligibilityAddress={eligibility.Address}", .. settings]);
        return new ClinicAtPage(adjudication, eligibility, gateway);
    }

    public Task<ClinicAnswer> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, path, null, headers);

    public Task<ClinicAnswer> PostAsync(string path, object body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, body as string ?? JsonSerializer.Serialize(body, JsonSerializerOptions.Web), headers);

    public async Task<HttpResponseMessage> RawAsync(HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = Request(method, path, null, headers);
        return await _http.SendAsync(request);
    }

    public async Task<ClinicAnswer> LogInAsync(string password = FakeEligibility.Password)
    {
        ClinicAnswer answer = await PostAsync(
            "/clinic/login", new { FakeEligibility.FacilityCode, FakeEligibility.Clerk, password });
        if (answer.Status != 200) return answer;
        Cookie = SetCookie!.Split(';')[0];
        CsrfToken = answer.Json.GetProperty("csrfToken").GetString();
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Gateway.DisposeAsync();
        await Eligibility.DisposeAsync();
        await _adjudication.DisposeAsync();
    }

    /// <summary>Enough of an answer to every request.</summary>
    public static Task<IMessage> Answered(IMessage request, ServerCallContext context) => Task.FromResult<IMessage>(request switch
    {
        GetAccumulatorsRequest asked =>
            new Accumulators { InsuredId = asked.InsuredId, Year = asked.Year, CapFen = 30_000, CapRemainingFen = 0 },
        ReverseRequest => new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo },
        ReconcileTotalsRequest => new ReconcileTotalsReply { Outcome = TotalsOutcome.Balanced },
        FacilityBooks => new FacilityBooksReply { Summary = new LinesSummary { Outcome = TotalsOutcome.Balanced, Complete = true } },
        ListFacilityEntriesRequest => new FacilityEntries { ReadAt = "2026-06-18 12:00:00" },
        GetSettlementRequest => new SettleReply { Decision = Decision.Refused, ReasonCode = "SETTLEMENT_UNKNOWN" },
        SettleRequest { RequestId: "INSURED-LOOKUP" } => new SettleReply { Decision = Decision.Quoted },
        _ => new SettleReply { Decision = Decision.Settled },
    });

    private async Task<ClinicAnswer> SendAsync(HttpMethod method, string path, string? json, (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = Request(method, path, json, headers);
        using HttpResponseMessage response = await _http.SendAsync(request);
        SetCookie = response.Headers.TryGetValues("Set-Cookie", out IEnumerable<string>? set) ? set.Single() : null;
        return new ClinicAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.RetryAfter?.Delta);
    }

    private HttpRequestMessage Request(HttpMethod method, string path, string? json, (string Name, string Value)[] headers)
    {
        HttpRequestMessage request = new(method, new Uri(Gateway.Main, path));
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        if (Cookie is not null) request.Headers.Add("Cookie", Cookie);
        if (CsrfToken is not null && method == HttpMethod.Post) request.Headers.Add("X-CSRF-Token", CsrfToken);
        foreach ((string name, string value) in headers)
        {
            request.Headers.Remove(name);
            if (value.Length > 0) request.Headers.Add(name, value);
        }

        return request;
    }
}
