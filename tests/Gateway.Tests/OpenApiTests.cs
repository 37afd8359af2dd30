using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Claims.Gateway;
using Claims.Gateway.Description;
using Claims.Hosting;
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
}
