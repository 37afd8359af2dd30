using System.Net.Http.Headers;
using System.Text;
using Claims.V1;
using Google.Protobuf;

namespace Gateway.Tests;

/// <summary>What a page of another site can make a clinic's browser send is not served.</summary>
[Collection(nameof(RunningGateway))]
public sealed class OtherSitesTests
{
    private const string Request = """{"requestId":"R1","facilityCode":"H1"}""";
    private const string LogIn = """{"facilityCode":"HW1","clerk":"王医生","password":"right-one"}""";
    private const string Clinic = "https://clinic.example";

    [Theory]
    [InlineData(null)]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=a")]
    [InlineData("application/json; charset=gbk")]
    [InlineData("application/jsonp")]
    public async Task Body_that_is_not_said_to_be_JSON_in_UTF8_is_not_served(string? type)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        // The page's own calls too.
        foreach (string path in (string[])["/v1/settle", "/clinic/login"])
        {
            ClinicAnswer answer = await clinic.Gateway.SendAsync(Body(type, path));
            Assert.Equal((415, "UNSUPPORTED_MEDIA_TYPE"), (answer.Status, answer.Code));
            Assert.Equal("请求头 Content-Type 应为 application/json（字符集 utf-8），本次请求未办理。", answer.Text);
        }

        Assert.Empty(clinic.Asked);
        Assert.Empty(clinic.Eligibility.LogIns);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json; charset=UTF-8")]
    [InlineData("Application/JSON;charset=\"utf-8\"")]
    public async Task Body_that_is_said_to_be_JSON_is_served(string type)
    {
        await using FakeAdjudication adjudication = await StartAsync();
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        Assert.Equal(200, (await gateway.SendAsync(Body(type))).Status);
        Assert.Single(adjudication.Requests);
    }

    [Fact]
    public async Task Page_of_another_site_is_refused_and_the_gateways_own_and_those_of_the_settings_are_served()
    {
        await using FakeAdjudication adjudication = await StartAsync();
        await using RunningGateway gateway = await RunningGateway.StartAsync(
            adjudication.Address, $"--Claims:Origins={Clinic}, https://other.example");
        string own = gateway.Main.GetLeftPart(UriPartial.Authority);

        foreach (string origin in (string[])["https://evil.example", "null", $"{Clinic}.evil.example", "http://clinic.example", own + "0"])
        {
            ClinicAnswer refused = await gateway.PostAsync("settle", Request, ("Origin", origin));
            Assert.Equal((403, "PERMISSION_DENIED"), (refused.Status, refused.Code));
            Assert.Contains(origin, refused.Text, StringComparison.Ordinal);
        }

        Assert.Empty(adjudication.Requests);
        foreach (string origin in (string[])[own, Clinic, "https://other.example"])
            Assert.Equal(200, (await gateway.PostAsync("settle", Request, ("Origin", origin))).Status);
        Assert.Equal(3, adjudication.Requests.Count);
    }

    [Theory]
    [InlineData("https://evil.example", 403, null)]
    [InlineData(Clinic, 204, Clinic)]
    public async Task Browser_that_asks_before_it_sends_is_told_yes_for_the_origins_of_the_settings_alone(
        string origin, int status, string? allowed)
    {
        await using FakeAdjudication adjudication = await StartAsync();
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address, $"--Claims:Origins={Clinic}");
        using HttpClient http = new();
        using HttpRequestMessage asking = new(HttpMethod.Options, new Uri(gateway.Main, "/v1/settle"));
        asking.Headers.Add("Origin", origin);
        asking.Headers.Add("Access-Control-Request-Method", "POST");
        asking.Headers.Add("Access-Control-Request-Headers", "content-type");

        using HttpResponseMessage told = await http.SendAsync(asking);

        Assert.Equal(status, (int)told.StatusCode);
        Assert.Equal(allowed, Header(told, "Access-Control-Allow-Origin"));
        Assert.Equal(allowed is null ? null : "POST", Header(told, "Access-Control-Allow-Methods"));
        Assert.Equal(allowed is null ? null : "Content-Type", Header(told, "Access-Control-Allow-Headers"));
        Assert.Equal(allowed is null ? null : "Origin", Header(told, "Vary"));
        Assert.Null(Header(told, "Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task Name_that_was_made_to_point_at_the_gateway_is_refused_unless_the_settings_have_it()
    {
        await using FakeAdjudication adjudication = await StartAsync();
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);
        await using RunningGateway named = await RunningGateway.StartAsync(adjudication.Address, "--Claims:Hosts=gateway.clinic.example");

        ClinicAnswer refused = await gateway.PostAsync("settle", Request, ("Host", "rebound.evil.example"));
        Assert.Equal((421, "MISDIRECTED_REQUEST"), (refused.Status, refused.Code));
        Assert.Contains("rebound.evil.example", refused.Text, StringComparison.Ordinal);
        Assert.Equal(421, (await named.PostAsync("settle", Request)).Status);
        Assert.Empty(adjudication.Requests);

        foreach (string host in (string[])["localhost", "LOCALHOST:5104", "127.0.0.1", "[::1]:5104"])
            Assert.Equal(200, (await gateway.PostAsync("settle", Request, ("Host", host))).Status);
        Assert.Equal(200, (await named.PostAsync("settle", Request, ("Host", "Gateway.clinic.example:443"))).Status);
        // The port of metrics has the names that a scraper uses.
        using HttpClient http = new();
        using HttpRequestMessage scrape = new(HttpMethod.Get, new Uri(gateway.Metrics, "/metrics"));
        scrape.Headers.Host = "10.0.0.7:5114";
        using HttpResponseMessage scraped = await http.SendAsync(scrape);
        Assert.Equal(200, (int)scraped.StatusCode);
    }

    private static HttpRequestMessage Body(string? type, string path = "/v1/settle")
    {
        ByteArrayContent body = new(Encoding.UTF8.GetBytes(path == "/clinic/login" ? LogIn : Request));
        if (type is not null) body.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = body };
    }

    private static string? Header(HttpResponseMessage told, string name) =>
        told.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(',', values) : null;

    private static Task<FakeAdjudication> StartAsync() =>
        FakeAdjudication.StartAsync((_, _) => Task.FromResult<IMessage>(new SettleReply { RequestId = "R1" }));
}
