using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Claims.Gateway;
using Claims.Gateway.Description;
using Claims.Hosting;
using Claims.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Gateway.Tests;

/// <summary>The description against the running service: every route, and an answer and a refusal of each.</summary>
[Collection(nameof(RunningGateway))]
public sealed partial class OpenApiTests
{
    // Of one request each, that is served.
    private static readonly Dictionary<string, string> Bodies = new(StringComparer.Ordinal)
    {
        ["/v1/settle"] = """{"requestId":"R1","facilityCode":"HW1"}""",
        ["/v1/pre-settle"] = """{"requestId":"R1","facilityCode":"HW1"}""",
        ["/v1/cancel"] = """{"requestId":"R1","facilityCode":"HW1"}""",
        ["/v1/reverse"] = """{"requestId":"R1","facilityCode":"HW1"}""",
        ["/v1/get-settlement"] = """{"requestId":"R1","facilityCode":"HW1"}""",
        ["/v1/get-accumulators"] = """{"insuredId":"P1","year":2026}""",
        ["/v1/reconcile-totals"] = """{"facilityCode":"HW1"}""",
        ["/v1/reconcile-lines"] = """{"scope":{"facilityCode":"HW1"}}""",
        ["/clinic/password"] = """{"oldPassword":"right-one","newPassword":"another-one"}""",
        ["/clinic/day/compare"] = """{"date":"2026-06-18","lines":[{"requestId":"R1","state":"WAITING","insuredId":"P1"}]}""",
        ["/clinic/login"] = """{"facilityCode":"HW1","clerk":"王医生","password":"right-one"}""",
        ["/clinic/logout"] = "{}",
    };

    [Fact]
    public void Every_route_is_described_and_every_description_is_routed()
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            ["--Claims:Port=0", "--Claims:MetricsPort=0", "--Claims:AdjudicationAddress=http://127.0.0.1:1",
                "--Claims:LedgerAddress=http://127.0.0.1:1", "--Claims:EligibilityAddress=http://127.0.0.1:1"], "gateway");
        builder.AddGateway(builder.AddSettings<GatewaySettings>(MainPort.Http));
        WebApplication app = builder.Build();
        app.MapClinicApi();

        IEnumerable<string> routes = ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints).OfType<RouteEndpoint>().Select(endpoint =>
                $"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Single()} {endpoint.RoutePattern.RawText}");

        Assert.Equal(routes.Order(StringComparer.Ordinal),
            ApiOperations.All.Select(operation => $"{operation.Method} {operation.Path}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_call_is_answered_and_refused_as_it_is_described()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        JsonObject document = JsonNode.Parse((await clinic.GetAsync("/openapi.json")).Body)!.AsObject();
        Assert.Equal("3.1.0", (string?)document["openapi"]);
        await clinic.LogInAsync();
        // Logging out comes last.
        foreach (ApiOperation operation in ApiOperations.All.OrderBy(operation => operation.Path == "/clinic/logout"))
        {
            JsonNode described = document["paths"]![operation.Path]![operation.Method.ToLowerInvariant()]!;
            string path = operation.Path.Replace("{id}", "P1", StringComparison.Ordinal)
                + (operation.Path == "/clinic/catalogue" ? "?q=a" : "");
            ClinicAnswer answer = operation.Method == "POST"
                ? await clinic.PostAsync(path, Bodies[operation.Path])
                : await clinic.GetAsync(path);
            Assert.True(answer.Status == 200, $"{operation.Path}: {answer.Status} {answer.Body}");
            Assert.Equal([], Faults(document, SchemaOf(described, "200"), JsonNode.Parse(answer.Body), operation.Path));
            if (operation.Method != "POST") continue;
            if (operation.Path == "/clinic/login")
            {
                clinic.Cookie = clinic.SetCookie!.Split(';')[0];
                clinic.CsrfToken = answer.Json.GetProperty("csrfToken").GetString();
            }

            ClinicAnswer refused = await clinic.PostAsync(path, """{"noSuchField":1}""");
            // Nobody is logged in any more after the logout.
            Assert.Equal(operation.Path == "/clinic/logout" ? 401 : 400, refused.Status);
            Assert.Equal([], Faults(document, SchemaOf(described, $"{refused.Status}"), JsonNode.Parse(refused.Body), operation.Path));
            JsonNode request = described["requestBody"]!["content"]!["application/json"]!["schema"]!;
            Assert.Equal([], Faults(document, request, JsonNode.Parse(Bodies[operation.Path]), operation.Path));
            // The control: what is refused is not what is described.
            Assert.NotEmpty(Faults(document, request, JsonNode.Parse("""{"noSuchField":1}"""), operation.Path));
        }
    }

    [Fact]
    public async Task Every_reference_of_the_document_leads_somewhere()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        string text = (await clinic.GetAsync("/openapi.json")).Body;
        JsonNode document = JsonNode.Parse(text)!;

        string[] references = [.. References().Matches(text).Select(match => match.Groups["target"].Value).Distinct()];

        Assert.True(references.Length > 20);
        Assert.All(references, reference => Assert.NotNull(At(document, reference)));
    }

    /// <summary>Whoever writes a clinic's software reads there what it has to send along.</summary>
    [Fact]
    public async Task Call_is_served_to_who_shows_what_is_described_and_to_nobody_else()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        JsonObject document = JsonNode.Parse((await clinic.GetAsync("/openapi.json")).Body)!.AsObject();
        JsonNode schemes = document["components"]!["securitySchemes"]!;
        await clinic.LogInAsync();
        (string Name, string Value) cookie = ("Cookie", $"{schemes["session"]!["name"]}={clinic.Cookie!.Split('=', 2)[1]}");
        (string Name, string Value) csrf = ((string)schemes["csrf"]!["name"]!, clinic.CsrfToken!);
        (string Name, string Value) token = ("Authorization", $"{schemes["token"]!["scheme"]} {clinic.Eligibility.Issue()}");
        (clinic.Cookie, clinic.CsrfToken) = (null, null);
        // Those two end the session; a login is served without one.
        foreach (ApiOperation operation in ApiOperations.All.OrderBy(operation => operation.Path is "/clinic/login" or "/clinic/logout")
            .ThenBy(operation => operation.Path is "/clinic/login"))
        {
            JsonArray needs = document["paths"]![operation.Path]![operation.Method.ToLowerInvariant()]!["security"]!.AsArray();
            string[] described = [.. needs.Select(need => string.Join('+', need!.AsObject().Select(one => one.Key)))];
            string path = operation.Path.Replace("{id}", "P1", StringComparison.Ordinal)
                + (operation.Path == "/clinic/catalogue" ? "?q=a" : "");

            Assert.Equal((operation.Path, described.Any(need => need is "" or "token")), (operation.Path, await ServedAsync(token)));
            Assert.Equal((operation.Path, described.Any(need => need is "" or "session")), (operation.Path, await ServedAsync(cookie)));
            Assert.Equal((operation.Path, true), (operation.Path, await ServedAsync(cookie, csrf)));
            // What says nothing of itself on loopback may call /v1 without TLS.
            if (operation.Path.StartsWith("/clinic", StringComparison.Ordinal))
                Assert.Equal((operation.Path, described.Contains("")), (operation.Path, await ServedAsync()));

            async Task<bool> ServedAsync(params (string, string)[] shown) => 200 == (operation.Method == "POST"
                ? await clinic.PostAsync(path, Bodies[operation.Path], shown)
                : await clinic.GetAsync(path, shown)).Status;
        }
    }

    [Fact]
    public async Task Parameter_is_read_within_the_bounds_that_are_described()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        JsonObject document = JsonNode.Parse((await clinic.GetAsync("/openapi.json")).Body)!.AsObject();
        await clinic.LogInAsync();
        int looked = 0;
        foreach (ApiOperation operation in ApiOperations.All.Where(operation => operation.Parameters.Count > 0))
        {
            foreach (JsonNode? parameter in document["paths"]![operation.Path]!["get"]!["parameters"]!.AsArray())
            {
                (string name, string within, string beyond) = Bounds(parameter!);
                // What stands in a path cannot be left out.
                if ((string?)parameter!["in"] == "path") Assert.Equal((name, true), (name, (bool?)parameter["required"]));
                Assert.Equal((operation.Path, name, 200), (operation.Path, name, (await AskAsync(within)).Status));
                Assert.Equal((operation.Path, name, 400), (operation.Path, name, (await AskAsync(beyond)).Status));
                looked++;

                Task<ClinicAnswer> AskAsync(string value)
                {
                    bool isInPath = (string?)parameter!["in"] == "path";
                    string path = operation.Path.Replace("{id}", isInPath ? value : "P1", StringComparison.Ordinal);
                    string query = isInPath ? "" : $"{name}={value}";
                    return clinic.GetAsync($"{path}?{(operation.Path == "/clinic/catalogue" && name != "q" ? "q=a&" : "")}{query}");
                }
            }
        }

        Assert.Equal(10, looked);

        static (string Name, string Within, string Beyond) Bounds(JsonNode parameter)
        {
            string name = (string)parameter["name"]!;
            if ((int?)parameter["schema"]!["maxLength"] is { } most) return (name, new string('a', most), new string('a', most + 1));
            if ((string?)parameter["schema"]!["format"] == "date")
                return (name, ChinaTime.Today(TimeProvider.System).ToString("yyyy-MM-dd"), "18.6.2026");
            int last = int.Parse(Numbers().Matches((string)parameter["description"]!)[1].Value);
            return (name, $"{last}", $"{last + 1}");
        }
    }

    [Fact]
    public async Task What_is_taken_for_a_parameter_that_is_left_out_is_what_is_described()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        SearchCatalogueRequest? searched = null;
        Func<SearchCatalogueRequest, CatalogueMatches> search = clinic.Eligibility.Search;
        clinic.Eligibility.Search = request => search(searched = request);

        await clinic.GetAsync("/clinic/catalogue?q=a");
        await clinic.GetAsync("/clinic/find?request=R1");

        ApiParameter limit = Operation("/clinic/catalogue").Parameters.Single(parameter => parameter.Name == "limit");
        Assert.Equal(Numbers().Matches(limit.Description)[2].Value, $"{searched!.Limit}");
        ReconciliationPeriod period = Assert.Single(clinic.Asked.OfType<ListFacilityEntriesRequest>()).Period;
        int days = DateOnly.Parse(period.To).DayNumber - DateOnly.Parse(period.From).DayNumber;
        Assert.Equal($"{days}", Assert.Single(Numbers().Matches(Operation("/clinic/find").Summary)).Value);

        static ApiOperation Operation(string path) => ApiOperations.All.Single(operation => operation.Path == path);
    }

    /// <summary>Each is brought about, and no other is described.</summary>
    [Fact]
    public async Task Refusals_of_a_call_of_its_own_are_described_with_their_codes()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync("--Claims:UnknownInsuredPerHour=1");
        JsonObject document = JsonNode.Parse((await clinic.GetAsync("/openapi.json")).Body)!.AsObject();
        SortedSet<string> brought = new(StringComparer.Ordinal);
        await BringAsync("/clinic/login", clinic.LogInAsync("wrong-one"));
        clinic.Eligibility.LockedSeconds = 60;
        await BringAsync("/clinic/login", clinic.LogInAsync());
        clinic.Eligibility.LockedSeconds = null;
        await clinic.LogInAsync();
        await BringAsync("/clinic/password", PasswordAsync("wrong-one", "another-one"));
        await BringAsync("/clinic/password", PasswordAsync(FakeEligibility.Password, FakeEligibility.Password));
        clinic.Eligibility.LockedSeconds = 60;
        await BringAsync("/clinic/password", PasswordAsync(FakeEligibility.Password, "another-one"));
        clinic.Eligibility.Find = _ => null;
        await BringAsync("/clinic/insured/{id}", clinic.GetAsync("/clinic/insured/P1"));
        await BringAsync("/clinic/insured/{id}", clinic.GetAsync("/clinic/insured/P1"));

        Assert.Equal(
            ApiOperations.All.SelectMany(operation => operation.Refusals.Select(one => $"{operation.Path} {one.Status} {one.Code}"))
                .Order(StringComparer.Ordinal),
            brought);

        Task<ClinicAnswer> PasswordAsync(string before, string after) =>
            clinic.PostAsync("/clinic/password", new { oldPassword = before, newPassword = after });

        async Task BringAsync(string path, Task<ClinicAnswer> call)
        {
            ClinicAnswer answer = await call;
            JsonNode response = document["paths"]![path]!.AsObject().Single().Value!["responses"]![$"{answer.Status}"]!;
            Assert.Contains(answer.Code!, (string)response["description"]!, StringComparison.Ordinal);
            Assert.Equal(answer.RetryAfter is not null, response["headers"]?["Retry-After"] is not null);
            brought.Add($"{path} {answer.Status} {answer.Code}");
        }
    }

    [Fact]
    public void Numbers_are_described_with_their_unit_and_as_text_or_number()
    {
        JsonNode document = OpenApiDocument.Make(ApiOperations.All);
        JsonNode Field(string schema, string field) => document["components"]!["schemas"]![schema]!["properties"]![field]!;

        Assert.Equal(["分", "千分之一分", "百万分之一元", "数量 × 10000", "万分之一", "yyyy-MM-dd，北京时间"],
        [
            (string)Field("SettleRequest", "totalFen")["description"]!, (string)Field("FeeLine", "unitPriceMilliFen")["description"]!,
            (string)Field("FeeLine", "unitPriceMicroYuan")["description"]!, (string)Field("FeeLine", "quantityE4")["description"]!,
            (string)Field("SettleReply", "rateBp")["description"]!, (string)Field("SettleRequest", "visitDate")["description"]!,
        ]);
        Assert.Equal(["string", "integer"], Field("SettleRequest", "totalFen")["type"]!.AsArray().Select(type => (string)type!));
        Assert.All(ApiOperations.All.Where(operation => operation.Method == "POST"),
            operation => Assert.True((bool)document["paths"]![operation.Path]!["post"]!["requestBody"]!["required"]!));
    }

    [Fact]
    public async Task Page_shows_every_call_and_field_with_its_unit_and_each_link_leads_somewhere()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        string page = (await clinic.GetAsync("/openapi.html")).Body;

        Assert.All(ApiOperations.All, operation =>
            Assert.Contains($"<code>{operation.Method} {operation.Path}</code>", page, StringComparison.Ordinal));
        Assert.Contains("<tr><td><code>totalFen</code></td><td>string / integer</td><td>分</td></tr>", page, StringComparison.Ordinal);
        string[] links = [.. Links().Matches(page).Select(match => match.Groups["target"].Value).Distinct()];
        Assert.True(links.Length > 20);
        Assert.All(links, link => Assert.Contains($"<h3 id=\"{link}\">", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Page_shows_text_as_it_is_and_no_markup_of_it()
    {
        JsonObject document = OpenApiDocument.Make([new ApiOperation("GET", "/a", "标签", "<b>少于 & 多于</b>")
        {
            ReplyMessage = SettleReply.Descriptor,
        }]);

        Assert.Contains("<p>&lt;b&gt;少于 &amp; 多于&lt;/b&gt;</p>", OpenApiPage.Html(document), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/clinic/nothing", 404)]
    [InlineData("/v1/nothing", 404)]
    public async Task What_is_not_served_is_a_problem_too(string path, int status)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        JsonObject document = JsonNode.Parse((await clinic.GetAsync("/openapi.json")).Body)!.AsObject();

        ClinicAnswer answer = await clinic.GetAsync(path);
        using HttpResponseMessage asked = await clinic.RawAsync(HttpMethod.Get, path, ("Accept", "application/problem+json"));

        Assert.Equal(status, answer.Status);
        Assert.Equal([], Faults(document, document["components"]!["schemas"]!["Problem"]!, JsonNode.Parse(answer.Body), path));
        Assert.Equal("application/problem+json", asked.Content.Headers.ContentType!.MediaType);
    }

    private static JsonNode SchemaOf(JsonNode operation, string status) =>
        operation["responses"]![status]!["content"]!["application/json"]!["schema"]!;

    private static JsonNode? At(JsonNode document, string reference) =>
        reference[2..].Split('/').Aggregate((JsonNode?)document, (node, part) =>
            node is JsonArray items ? items[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)] : node?[part]);

    /// <summary>As much of JSON Schema as the document uses.</summary>
    private static IEnumerable<string> Faults(JsonObject document, JsonNode schema, JsonNode? value, string at)
    {
        if ((string?)schema["$ref"] is { } reference) return Faults(document, At(document, reference)!, value, at);
        string kind = value?.GetValueKind() switch
        {
            null => "null",
            JsonValueKind.Number => "integer",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            { } other => other.ToString().ToLowerInvariant(),
        };
        string[] types = schema["type"] is JsonArray several ? [.. several.Select(one => (string)one!)] : [(string)schema["type"]!];
        if (!types.Contains(kind)) return [$"{at} is {kind}, not {string.Join('|', types)}"];
        if (schema["enum"] is JsonArray values && values.All(one => (string?)one != (string?)value)) return [$"{at} is '{value}'"];
        if (value is JsonArray items)
            return items.SelectMany((item, index) => Faults(document, schema["items"]!, item, $"{at}[{index}]"));
        if (value is not JsonObject fields) return [];
        JsonObject properties = schema["properties"]?.AsObject() ?? [];
        return
        [
            .. (schema["required"]?.AsArray() ?? []).Where(name => !fields.ContainsKey((string)name!))
                .Select(name => $"{at}.{name} is missing"),
            .. fields.Where(field => !properties.ContainsKey(field.Key)).Select(field => $"{at}.{field.Key} is not described"),
            .. fields.Where(field => properties.ContainsKey(field.Key))
                .SelectMany(field => Faults(document, properties[field.Key]!, field.Value, $"{at}.{field.Key}")),
        ];
    }

    [GeneratedRegex("\"\\$ref\": \"(?<target>[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex References();

    [GeneratedRegex("[0-9]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Numbers();

    [GeneratedRegex("<a href=\"#(?<target>[^\"]+)\">", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Links();
}
