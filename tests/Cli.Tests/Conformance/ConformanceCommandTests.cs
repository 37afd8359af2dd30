using System.Globalization;
using System.Text.Json.Nodes;
using Claims.Cli.Commands;
using Claims.Conformance.Scripts;
using Claims.Hosting;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Net.Client;

namespace Claims.Cli.Tests.Conformance;

/// <summary>The command, with an adjudication that says what it is told to say.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ConformanceCommandTests(FakeSystem system)
{
    private const string Facility = "CF0001";
    private const string Patient = "CF000001";

    private string Against => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{system.PortBase + 1}");

    [Fact]
    public async Task Conformance_without_the_insured_in_the_registry_says_what_is_missing()
    {
        SettleReply refused = new() { Decision = Decision.Refused, ReasonCode = "INSURED_UNKNOWN", ReasonText = "查无此参保人。" };
        system.Begin().Answer<SettleRequest>("Adjudication/PreSettle", _ => refused);
        Ran ran = await system.RunAsync("conformance", "--facility", Facility, "--against", Against);
        Assert.Equal(1, ran.ExitCode);
        Assert.Equal("A visit of insured ***0001 at CF0001 today would be refused, INSURED_UNKNOWN: 查无此参保人。 What the registry needs is in "
            + "samples/conformance, for `claims import facilities` and `claims import insured`.", ran.Errors);
    }

    [Fact]
    public async Task Conformance_of_a_system_that_handles_its_situation_exits_with_0_and_records_its_calls()
    {
        Adjudicate();
        int port = FreePort.Take(2);
        string record = Path.Combine(system.Directory.FullName, "calls.jsonl");
        Task<Ran> running = system.RunAsync(
            "conformance", "--facility", Facility, "--against", Against, "--listen", Text(port), "--only", "plain", "--wait", "60",
            "--record", record, "--json");
        await PlayAsync(port, "plain");
        Ran ran = await running;
        Assert.Equal(0, ran.ExitCode);
        JsonNode said = JsonNode.Parse(ran.Output)!;
        Assert.Equal(("handled", 1, 0), (
            (string)said["situations"]![0]!["verdict"]!, (int)said["handled"]!, (int)said["notHandled"]!));
        Assert.Contains("普通门诊结算一笔", ran.Errors, StringComparison.Ordinal);
        JsonNode call = JsonNode.Parse(Assert.Single(File.ReadAllLines(record)))!;
        Assert.Equal(
            ("plain", "Settle", "***0001", "SETTLED"),
            ((string)call["situation"]!, (string)call["call"]!, (string)call["request"]!["insuredId"]!,
                (string)call["answer"]!["decision"]!));
    }

    [Fact]
    public async Task Conformance_of_a_system_that_does_not_call_exits_with_1_and_a_table_of_80_columns()
    {
        Adjudicate();
        Ran ran = await system.RunAsync("conformance", "--facility", Facility, "--against", Against, "--only", "1,cap", "--wait", "1");
        Assert.Equal(1, ran.ExitCode);
        Assert.Contains("1 plain 普通门诊结算一笔 未测", ran.Lines);
        Assert.Contains("0 项通过，0 项未通过，2 项未测。", ran.Lines);
        Assert.Contains(ran.Lines, line => line.StartsWith("须由人在窗口屏幕上查看", StringComparison.Ordinal));
        string table = TextTable.Render(["序号", "名称", "情形", "结论"], Cli.Conformance.Situations.All.Select(
            (situation, index) => new[] { Text(index + 1), situation.Key, situation.Title, "未通过" }), 80);
        Assert.All(table.Split('\n'), line => Assert.InRange(TextTable.WidthOf(line), 0, 80));
        Assert.Contains("序号  名称", table.Split('\n')[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--against must be HOST:PORT, http://HOST:PORT or https://HOST:PORT, not 'no where'.", "--against", "no where")]
    [InlineData("--insured is given at most twice.", "--insured", "A", "--insured", "B", "--insured", "C")]
    [InlineData("'49-' is no situation", "--only", "49-")]
    [InlineData("--ledger must be named: there is no port two above the adjudication's.", "--against", "127.0.0.1:65534")]
    [InlineData("--ledger must be HOST:PORT, http://HOST:PORT or https://HOST:PORT, not ''.", "--ledger", "")]
    public async Task Conformance_asked_for_wrongly_says_so(string sentence, params string[] arguments)
    {
        Adjudicate();
        string[] against = arguments.Contains("--against") ? [] : ["--against", Against];
        Ran ran = await system.RunAsync(["conformance", "--facility", Facility, .. against, .. arguments]);
        Assert.Equal(1, ran.ExitCode);
        Assert.Contains(sentence, ran.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5101", "http://127.0.0.1:5103")]
    [InlineData("https://test.example:443", "https://test.example:445")]
    public void Ledger_that_is_not_named_is_two_ports_above_the_adjudication(string adjudication, string ledger) =>
        Assert.Equal(ledger, ConformanceCommand.LedgerBeside(adjudication));

    /// <summary>A record that cannot be written keeps it from playing.</summary>
    [Theory]
    [InlineData("CF000001 CF000002")]
    [InlineData("A", "--insured", "A")]
    [InlineData("A B", "--insured", "A", "--insured", "B")]
    public async Task Conformance_asks_for_the_insured_that_are_named_before_it_plays(string asked, params string[] insured)
    {
        Adjudicate();
        string record = Path.Combine(system.Directory.FullName, "no directory", "calls.jsonl");

        Ran ran = await system.RunAsync(["conformance", "--facility", Facility, "--against", Against, "--record", record, .. insured]);

        Assert.Equal(1, ran.ExitCode);
        Assert.StartsWith($"{record} cannot be written: ", ran.Errors, StringComparison.Ordinal);
        Assert.Equal(asked.Split(' '), system.Received.Select(call => ((SettleRequest)call.Request).InsuredId));
    }

    [Fact]
    public async Task Conformance_against_nothing_exits_with_3()
    {
        Ran ran = await system.RunAsync("conformance", "--facility", Facility, "--against", $"127.0.0.1:{FreePort.Take(3)}");
        Assert.Equal(3, ran.ExitCode);
    }

    private void Adjudicate() => system.Begin()
        .Answer<SettleRequest>("Adjudication/PreSettle", _ => new SettleReply { Decision = Decision.Quoted })
        .Answer<SettleRequest>("Adjudication/Settle", request => new SettleReply
        {
            Decision = Decision.Settled,
            RequestId = request.RequestId,
            FacilityCode = request.FacilityCode,
            InsuredId = request.InsuredId,
            SettlementId = "S1",
        });

    private static async Task PlayAsync(int port, string situation)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        ScriptedHospital hospital = new(channel.CreateCallInvoker(), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1));
        using CancellationTokenSource bound = new(TimeSpan.FromSeconds(30));
        await channel.ConnectAsync(bound.Token);
        await hospital.PlayAsync(
            situation, new Counter(Facility, Patient, ChinaTime.Today(TimeProvider.System), Cli.Conformance.Situations.FenOf(1)));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
