using System.Text.Json.Nodes;
using Claims.Cli.Demo;
using Claims.PrivateServers;
using Claims.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Claims.Cli.Tests;

/// <summary>The demo's clinic at a gateway that is a function in this process.</summary>
public sealed class ClinicCounterTests : IAsyncLifetime
{
    private static readonly SettleRequest[] Visits =
    [
        .. Enumerable.Range(1, 3)
            .Select(number => new SettleRequest { RequestId = $"R{number}", InsuredId = "P1", VisitDate = "2025-06-18" }),
    ];

    private readonly List<string> _calls = [];
    private readonly string _address = $"http://127.0.0.1:{FreePort.Take()}";
    private WebApplication? _gateway;
    private int _failuresToCome;
    private long _booked = 2;
    private int _differences;
    private JsonNode? _compared;

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(_address);
        _gateway = builder.Build();
        _gateway.Run(AnswerAsync);
        await _gateway.StartAsync();
    }

    public async Task DisposeAsync() => await _gateway!.DisposeAsync();

    [Theory]
    [InlineData(2, 0, true)]
    [InlineData(1, 0, false)]
    [InlineData(2, 1, false)]
    public async Task Page_agrees_only_where_the_books_have_its_settlements_and_nothing_differs(long booked, int differences, bool holds)
    {
        (_booked, _differences) = (booked, differences);
        using ClinicCounter counter = new(_address, "H1", Visits);
        List<string> answered = [];

        await RunAsync(counter, answered);
        Check check = await counter.CompareAsync([new DateOnly(2025, 6, 18)], CancellationToken.None);

        Assert.Equal(["R1 Settled", "R2 Refused", "R3 Settled"], answered);
        Assert.Equal(holds, check.Holds);
        Assert.Equal($"H1: 2 settled at the page, {booked} booked; {differences} differences", check.Detail);
        Assert.Equal(["S-R1 100", "S-R3 100"],
            _compared!["lines"]!.AsArray().Select(line => $"{line!["settlementId"]} {line["fundPayFen"]}"));
    }

    [Fact]
    public async Task Call_that_the_gateway_cannot_answer_now_is_made_again_and_one_that_it_refuses_is_not()
    {
        using ClinicCounter counter = new(_address, "H1", Visits);
        _failuresToCome = 1;
        List<string> answered = [];
        await RunAsync(counter, answered);

        using ClinicCounter stranger = new(_address, "H9", Visits);
        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => RunAsync(stranger, answered));

        Assert.Equal(["R1 Settled", "R2 Refused", "R3 Settled"], answered);
        Assert.Equal(3, _calls.Count(call => call == "/clinic/login"));
        Assert.Equal((ExitCodes.Failed, "The gateway answered /clinic/login with 401: no"), (refused.ExitCode, refused.Message));
    }

    private static Task RunAsync(ClinicCounter counter, List<string> answered) => counter.RunAsync("clerk", "first", (visit, reply) =>
    {
        answered.Add($"{visit.RequestId} {reply.Decision}");
        return Task.CompletedTask;
    }, CancellationToken.None);

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value!;
        _calls.Add(path);
        JsonNode? body = context.Request.Method == "POST" ? await JsonNode.ParseAsync(context.Request.Body) : null;
        (int status, string answer) = path switch
        {
            _ when _failuresToCome-- > 0 => (503, "not now"),
            "/clinic/login" => (string)body!["facilityCode"]! == "H1" ? (200, """{"csrfToken":"token"}""") : (401, "no"),
            _ when context.Request.Method == "POST" && context.Request.Headers["X-CSRF-Token"] != "token" => (403, "no token"),
            "/v1/settle" => (200, Settled((string)body!["requestId"]!)),
            "/clinic/day" => (200, $$"""{"totals":{"settlements":{{_booked}}},"lines":[]}"""),
            "/clinic/day/compare" => (200, $$"""{"differences":[{{string.Join(',', Enumerable.Repeat("{}", _differences))}}]}"""),
            _ => (200, "{}"),
        };
        if (path == "/clinic/day/compare") _compared = body;
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(answer);
    }

    private static string Settled(string requestId) => requestId == "R2"
        ? """{"decision":"REFUSED","requestId":"R2"}"""
        : $$"""{"decision":"SETTLED","requestId":"{{requestId}}","settlementId":"S-{{requestId}}","fundPayFen":"100"}""";
}
