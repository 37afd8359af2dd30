using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Claims.SystemTests;

/// <summary>Two clinics at the page of a whole system: what one may see and do of the other's, through the page's own calls.</summary>
public sealed class ClinicPageTests : IClassFixture<ClinicPageTests.TwoClinics>, IDisposable
{
    private const string One = "HW1";
    private const string Other = "HW2";

    private readonly TwoClinics _clinics;
    private readonly List<Browser> _browsers = [];

    public ClinicPageTests(TwoClinics clinics) => _clinics = clinics;

    public void Dispose() => _browsers.ForEach(browser => browser.Dispose());

    [Fact]
    public async Task Clinic_settles_finds_compares_and_cancels_its_own()
    {
        Browser clinic = await LogInAsync(One);
        JsonElement insured = await clinic.GetAsync("/clinic/insured/P1?date=2025-06-18");
        Assert.Equal(("张*丰", true, true),
            (insured.GetProperty("nameMasked").GetString(), insured.GetProperty("covered").GetBoolean(),
                insured.GetProperty("capRemainingKnown").GetBoolean()));
        JsonElement item = (await clinic.GetAsync("/clinic/catalogue?q=amxl")).GetProperty("items")[0];
        Assert.Equal(("XJ01", "甲"), (item.GetProperty("itemCode").GetString(), item.GetProperty("class").GetString()));

        string request = NewId();
        JsonElement settled = await clinic.PostAsync("/v1/settle", Visit(One, request));
        Assert.Equal("SETTLED", settled.GetProperty("decision").GetString());
        long fund = long.Parse(settled.GetProperty("fundPayFen").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        JsonElement line = await SeenAsync(async () =>
            (await clinic.GetAsync($"/clinic/find?request={request}")).GetProperty("lines") is { } lines && lines.GetArrayLength() == 1
                ? lines[0] : (JsonElement?)null);
        Assert.Equal(("SETTLED", fund), (line.GetProperty("state").GetString(), line.GetProperty("fundPayFen").GetInt64()));
        string day = line.GetProperty("settledAt").GetString()![..10];
        object[] list = await ListAsync(clinic, day);
        JsonElement same = await clinic.PostAsync("/clinic/day/compare", new { date = day, lines = list });
        Assert.True(same.GetProperty("reconciled").GetBoolean(), same.ToString());
        // The control: a list that lacks one is not the same.
        JsonElement lacking = await clinic.PostAsync("/clinic/day/compare", new { date = day, lines = list.Skip(1) });
        Assert.Equal("MISSING_THERE", lacking.GetProperty("differences")[0].GetProperty("cause").GetString());

        string settlementId = settled.GetProperty("settlementId").GetString()!;
        JsonElement cancelled = await clinic.PostAsync(
            "/v1/cancel", new { requestId = NewId(), facilityCode = One, insuredId = "P1", settlementId });
        Assert.Equal("CANCELLED", cancelled.GetProperty("decision").GetString());
        await SeenAsync(async () =>
            (await clinic.GetAsync($"/clinic/find?request={request}")).GetProperty("lines") is { } lines && lines.GetArrayLength() == 2
                && lines[0].GetProperty("state").GetString() == "CANCELLED" ? lines[1] : (JsonElement?)null);
    }

    [Fact]
    public async Task Other_clinics_receipts_days_and_settlements_are_out_of_reach()
    {
        Browser clinic = await LogInAsync(One);
        Browser other = await LogInAsync(Other);
        string request = NewId();
        JsonElement settled = await clinic.PostAsync("/v1/settle", Visit(One, request));
        string settlement = settled.GetProperty("settlementId").GetString()!;
        await SeenAsync(async () =>
            (await clinic.GetAsync($"/clinic/find?request={request}")).GetProperty("lines") is { } lines && lines.GetArrayLength() == 1
                ? lines : (JsonElement?)null);

        // By its ids, under either facility's code.
        object key = new { facilityCode = One, insuredId = "P1", settlementId = settlement };
        Assert.Equal("SETTLED", (await clinic.PostAsync("/v1/get-settlement", key)).GetProperty("decision").GetString());
        Assert.Equal(HttpStatusCode.Forbidden, await other.StatusAsync("/v1/get-settlement", key));
        JsonElement own = await other.PostAsync(
            "/v1/get-settlement", new { facilityCode = Other, insuredId = "P1", settlementId = settlement });
        Assert.Equal(("REFUSED", "SETTLEMENT_UNKNOWN"),
            (own.GetProperty("decision").GetString(), own.GetProperty("reasonCode").GetString()));
        JsonElement cancel = await other.PostAsync(
            "/v1/cancel", new { requestId = NewId(), facilityCode = Other, insuredId = "P1", settlementId = settlement });
        Assert.Equal("REFUSED", cancel.GetProperty("decision").GetString());
        Assert.Equal(0, (await other.GetAsync($"/clinic/find?request={request}")).GetProperty("lines").GetArrayLength());
        Assert.DoesNotContain(settlement, (await other.GetAsync("/clinic/find?insured=P1")).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(settlement, (await other.GetAsync("/clinic/day")).ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await other.StatusAsync("/v1/settle", Visit(One, NewId())));
        // A list that names it learns nothing of it.
        JsonElement compared = await other.PostAsync("/clinic/day/compare", new
        {
            date = "2025-06-18",
            lines = new[]
            {
                new { requestId = request, state = "SETTLED", insuredId = "P1", settlementId = settlement, totalFen = 1, fundPayFen = 0 },
            },
        });
        Assert.Equal(JsonValueKind.Null, compared.GetProperty("differences")[0].GetProperty("booksFundPayFen").ValueKind);
    }

    [Fact]
    public async Task Credential_opens_until_it_is_revoked_and_within_seconds_no_longer()
    {
        string first = await _clinics.SecretAsync("add", One, "--clerk", "revoked");
        Browser clinic = await LogInAsync(One, "revoked", first);
        Assert.Equal(HttpStatusCode.OK, await clinic.StatusAsync("/v1/pre-settle", Visit(One, NewId())));

        RunningSystem.AssertDone(await _clinics.System.RunAsync("clinic", "revoke", One, "--clerk", "revoked"));

        await SeenAsync(async () =>
            await clinic.StatusAsync("/v1/pre-settle", Visit(One, NewId())) == HttpStatusCode.Unauthorized ? true : (bool?)null);
    }

    [Fact]
    public async Task Machine_settles_with_its_token_for_its_own_facility_alone()
    {
        string token = await _clinics.SecretAsync("token", Other, "--clerk", "his", "--days", "1");
        using HttpClient http = new() { BaseAddress = _clinics.Gateway };
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);

        Assert.Equal(HttpStatusCode.OK, await AskAsync(Other));
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(One));
        http.DefaultRequestHeaders.Authorization = new("Bearer", $"{token}x");
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Other));

        async Task<HttpStatusCode> AskAsync(string facility)
        {
            using StringContent body = new(JsonSerializer.Serialize(Visit(facility, NewId())), Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(new Uri("/v1/settle", UriKind.Relative), body);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task Session_holds_at_another_gateway_and_beside_certificates_with_mutual_tls()
    {
        RunningSystem system = _clinics.System;
        string directory = system.FilePath($"tls-{NewId()}");
        RunningSystem.AssertDone(await system.RunAsync("certs", "authority", directory));
        RunningSystem.AssertDone(await system.RunAsync(
            "certs", "issue", directory, "claims://service/gateway", $"claims://clinic/{One}", $"claims://clinic/{Other}",
            "claims://role/bureau"));
        using ServiceInstance second = await system.StartSecondAsync("Claims.Gateway",
            ("Claims__AdjudicationAddress", $"http://127.0.0.1:{system.PortBase + 1}"),
            ("Claims__Tls__Certificate", Path.Combine(directory, "gateway.crt")),
            ("Claims__Tls__Key", Path.Combine(directory, "gateway.key")),
            ("Claims__Tls__ClientCa", Path.Combine(directory, "ca.crt")));
        Uri address = new($"https://localhost:{second.Port}");
        Browser first = await LogInAsync(One);

        // The cookie of the first gateway is as good at the second, which shares nothing with it but Eligibility.
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (await DayAsync(first.Cookie, null), await DayAsync(null, null)));
        Assert.Equal(HttpStatusCode.OK, await DayAsync(null, Other));
        Assert.Equal(HttpStatusCode.OK, await DayAsync(first.Cookie, One));
        // Two clinics in one request are none; and a certificate of the bureau's is no clinic.
        Assert.Equal(HttpStatusCode.Unauthorized, await DayAsync(first.Cookie, Other));
        Assert.Equal(HttpStatusCode.Unauthorized, await DayAsync(null, "bureau"));
        using HttpClient unnamed = Client(null);
        using HttpResponseMessage page = await unnamed.GetAsync(new Uri("/openapi.json", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        // Without TLS a header may say who calls; here it counts for nothing.
        unnamed.DefaultRequestHeaders.Add("claims-identity", $"claims://clinic/{One}");
        using StringContent asked = new("""{"insuredId":"P1","year":2025}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage said = await unnamed.PostAsync(new Uri("/v1/get-accumulators", UriKind.Relative), asked);
        Assert.Equal(HttpStatusCode.Unauthorized, said.StatusCode);
        string secret = await _clinics.SecretAsync("add", One, "--clerk", "tls");
        using StringContent login = new(
            JsonSerializer.Serialize(new { facilityCode = One, clerk = "tls", password = secret }), Encoding.UTF8, "application/json");
        using HttpResponseMessage session = await unnamed.PostAsync(new Uri("/clinic/login", UriKind.Relative), login);
        Assert.Equal(HttpStatusCode.OK, session.StatusCode);
        Assert.Contains("; secure; samesite=strict; httponly", session.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);

        async Task<HttpStatusCode> DayAsync(string? cookie, string? certificate)
        {
            using HttpClient http = Client(certificate);
            using HttpRequestMessage request = new(HttpMethod.Get, new Uri("/clinic/day", UriKind.Relative));
            if (cookie is not null) request.Headers.Add("Cookie", cookie);
            using HttpResponseMessage response = await http.SendAsync(request);
            return response.StatusCode;
        }

        HttpClient Client(string? certificate)
        {
            SocketsHttpHandler handler = new() { UseCookies = false };
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Path.Combine(directory, "ca.crt")) },
                RevocationMode = X509RevocationMode.NoCheck,
            };
            if (certificate is not null)
            {
                handler.SslOptions.ClientCertificates = [X509Certificate2.CreateFromPemFile(
                    Path.Combine(directory, $"{certificate}.crt"), Path.Combine(directory, $"{certificate}.key"))];
            }

            return new HttpClient(handler) { BaseAddress = address };
        }
    }

    [Fact]
    public async Task Commands_refuse_what_cannot_be_issued()
    {
        await _clinics.SecretAsync("add", One, "--clerk", "twice");

        foreach (string[] refused in (string[][])
            [["add", One, "--clerk", "twice"], ["add", "H9"], ["reset", One, "--clerk", "nobody"], ["revoke", One, "--clerk", "nobody"]])
        {
            CommandResult result = await _clinics.System.RunAsync(["clinic", .. refused]);
            Assert.NotEqual(0, result.ExitCode);
            Assert.NotEqual("", result.Errors);
        }

        JsonElement listed = (await _clinics.System.RunAsync("clinic", "list", One, "--json")).Json;
        Assert.Contains(listed.EnumerateArray(), one => one.GetProperty("clerk").GetString() == "twice"
            && one.GetProperty("state").GetString() == "first password");
    }

    private async Task<Browser> LogInAsync(string facility, string? clerk = null, string? secret = null)
    {
        clerk ??= $"clerk-{NewId()}";
        secret ??= await _clinics.SecretAsync("add", facility, "--clerk", clerk);
        Browser browser = new(_clinics.Gateway);
        _browsers.Add(browser);
        await browser.LogInAsync(facility, clerk, secret);
        return browser;
    }

    private static async Task<object[]> ListAsync(Browser clinic, string day) =>
    [
        .. (await clinic.GetAsync($"/clinic/day?date={day}")).GetProperty("lines").EnumerateArray().Select(line => (object)new
        {
            requestId = line.GetProperty("requestId").GetString(),
            state = line.GetProperty("state").GetString() == "CANCELLATION" ? "CANCELLATION" : "SETTLED",
            insuredId = line.GetProperty("insuredId").GetString(),
            settlementId = line.GetProperty("settlementId").GetString(),
            totalFen = line.GetProperty("totalFen").GetInt64(),
            fundPayFen = line.GetProperty("fundPayFen").GetInt64(),
        }),
    ];

    private static async Task<T> SeenAsync<T>(Func<Task<T?>> look) where T : struct
    {
        T? seen = null;
        await Eventually.HoldsAsync(async () => (seen = await look()) is not null);
        return seen!.Value;
    }

    private static string NewId() => Guid.NewGuid().ToString("N")[..20];

    private static object Visit(string facility, string request) => new
    {
        requestId = request,
        facilityCode = facility,
        insuredId = "P1",
        visitDate = "2025-06-18",
        visitType = "ORDINARY",
        totalFen = 1000,
        inScopeFen = 1000,
    };

    /// <summary>A system with two clinics and one insured, for the tests of this class.</summary>
    public sealed class TwoClinics : IAsyncLifetime
    {
        public RunningSystem System { get; } = new();

        public Uri Gateway { get; private set; } = new("http://127.0.0.1");

        public async Task InitializeAsync()
        {
            await System.InitializeAsync();
            Gateway = new Uri($"http://127.0.0.1:{System.PortBase + 4}");
            await ImportAsync("facilities", $"""
                facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to
                {One},卫生室一,410105,village,none,village_clinic,2024-01-01,
                {Other},卫生室二,410105,village,none,village_clinic,2024-01-01,

                """);
            await ImportAsync("insured", """
                insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on
                P1,张三丰,resident,410105,general,2025,2024-11-05,1980-01-01,

                """);
            await ImportAsync("catalogue", """
                item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_from,valid_to
                XJ01,阿莫西林胶囊,甲,0,,2024-01-01,

                """);
        }

        public Task DisposeAsync() => System.DisposeAsync();

        /// <summary>What <c>claims clinic</c> shows once.</summary>
        public async Task<string> SecretAsync(params string[] arguments)
        {
            CommandResult result = await System.RunAsync(["clinic", .. arguments, "--json"]);
            RunningSystem.AssertDone(result);
            return result.Json.GetProperty("secret").GetString()!;
        }

        private async Task ImportAsync(string kind, string csv) =>
            RunningSystem.AssertDone(await System.RunAsync("import", kind, System.Write($"{kind}.csv", csv)));
    }

    private sealed class Browser(Uri gateway) : IDisposable
    {
        private readonly CookieContainer _cookies = new();
        private HttpClient? _made;
        private string _csrf = "";

        public string Cookie => _cookies.GetCookieHeader(gateway);

        private HttpClient Http => _made ??= new(new SocketsHttpHandler { CookieContainer = _cookies }) { BaseAddress = gateway };

        public async Task LogInAsync(string facility, string clerk, string secret)
        {
            JsonElement session = await PostAsync("/clinic/login", new { facilityCode = facility, clerk, password = secret });
            _csrf = session.GetProperty("csrfToken").GetString()!;
            await PostAsync("/clinic/password", new { oldPassword = secret, newPassword = $"next-{secret}" });
        }

        public async Task<JsonElement> GetAsync(string path)
        {
            using HttpResponseMessage response = await Http.GetAsync(new Uri(path, UriKind.Relative));
            return await ReadAsync(response);
        }

        public async Task<JsonElement> PostAsync(string path, object body)
        {
            using HttpResponseMessage response = await SendAsync(path, body);
            return await ReadAsync(response);
        }

        public async Task<HttpStatusCode> StatusAsync(string path, object body)
        {
            using HttpResponseMessage response = await SendAsync(path, body);
            return response.StatusCode;
        }

        public void Dispose() => _made?.Dispose();

        private async Task<HttpResponseMessage> SendAsync(string path, object body)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, new Uri(path, UriKind.Relative));
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
            if (_csrf.Length > 0) request.Headers.Add("X-CSRF-Token", _csrf);
            return await Http.SendAsync(request);
        }

        private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
        {
            string text = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.StatusCode}: {text}");
            return JsonDocument.Parse(text).RootElement;
        }
    }
}
