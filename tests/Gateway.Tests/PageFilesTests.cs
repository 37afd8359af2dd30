using System.Net;

namespace Gateway.Tests;

[Collection(nameof(RunningGateway))]
public sealed class PageFilesTests
{
    [Fact]
    public async Task Page_is_served_with_what_keeps_other_code_out()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        using HttpResponseMessage response = await clinic.RawAsync(HttpMethod.Get, "/openapi.html");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string policy = response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        Assert.Equal("no-cache", response.Headers.CacheControl!.ToString());
        string html = await response.Content.ReadAsStringAsync();
        Assert.Contains("/clinic/day/compare", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain(" style=", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_that_is_as_it_was_is_not_sent_again()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        using HttpResponseMessage first = await clinic.RawAsync(HttpMethod.Get, "/openapi.json");
        string tag = first.Headers.ETag!.ToString();

        using HttpResponseMessage same = await clinic.RawAsync(HttpMethod.Get, "/openapi.json", ("If-None-Match", tag));
        using HttpResponseMessage other = await clinic.RawAsync(HttpMethod.Get, "/openapi.json", ("If-None-Match", "\"another\""));

        Assert.Equal((HttpStatusCode.NotModified, HttpStatusCode.OK), (same.StatusCode, other.StatusCode));
        Assert.Empty(await same.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task File_is_pressed_for_who_takes_it_so()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        using HttpResponseMessage plain = await clinic.RawAsync(HttpMethod.Get, "/openapi.json");
        using HttpResponseMessage pressed = await clinic.RawAsync(HttpMethod.Get, "/openapi.json", ("Accept-Encoding", "br, gzip"));
        using HttpResponseMessage refused = await clinic.RawAsync(HttpMethod.Get, "/openapi.json", ("Accept-Encoding", "gzip;q=0"));

        Assert.Empty(plain.Content.Headers.ContentEncoding);
        Assert.Empty(refused.Content.Headers.ContentEncoding);
        Assert.Equal("gzip", pressed.Content.Headers.ContentEncoding.Single());
        Assert.True(pressed.Content.Headers.ContentLength * 4 < plain.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData("/../Claims.Gateway.dll")]
    [InlineData("/%2e%2e/Claims.Gateway.dll")]
    [InlineData("/Claims.Gateway.dll")]
    [InlineData("/appsettings.json")]
    public async Task No_path_leads_to_a_file_that_is_not_the_pages(string path)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        using HttpResponseMessage response = await clinic.RawAsync(HttpMethod.Get, path);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Without_eligibility_there_is_no_page_and_no_login()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(ClinicAtPage.Answered);
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        Assert.Equal(404, (await gateway.SendAsync(HttpMethod.Get, "/")).Status);
        Assert.Equal(404, (await gateway.SendAsync(HttpMethod.Post, "/clinic/login", "{}")).Status);
        Assert.Equal(200, (await gateway.PostAsync("settle", """{"requestId":"R1","facilityCode":"HW1"}""")).Status);
    }
}
