using System.Globalization;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.SystemTests.OtherMakes;

/// <summary>The programs that vendors begin with do what they say, in every language, each for a facility of its own.</summary>
public sealed class SamplesTests(RunningSystem system) : IClassFixture<RunningSystem>, IAsyncLifetime
{
    private const string VisitDate = "2025-06-18";

    private static readonly string[] Day =
    [
        "settle SETTLED 12000 7800",
        "stream SETTLED SETTLED SETTLED",
        "repeat SETTLED replayed same",
        "cancel CANCELLED -4000",
        "reverse SETTLEMENT_UNDONE",
        "totals BALANCED",
        "lines reconciled",
    ];

    public async Task InitializeAsync()
    {
        string[] numbers = ["1", "2", "3", "4"];
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", system.Write("facilities.csv", string.Join('\n', [
            "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to",
            .. numbers.Select(number => $"HS{number},第{number}社区卫生服务中心,410105,community,none,community_health_centre,2024-01-01,"), ""]))));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", system.Write("insured.csv", string.Join('\n', [
            "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on",
            .. numbers.Select(number => $"PS{number},张三,resident,410105,general,2025,2024-11-05,1980-01-01,"), ""]))));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Hospital_in_csharp_has_its_day()
    {
        string program = Path.Combine(RunningSystem.Root, "artifacts", "bin", "Hospital", "release", "Hospital.dll");
        Assert.Equal(Day, await ForeignProcess.LinesAsync(
            "dotnet", [program, Adjudication, Gateway, "HS1", "PS1", VisitDate], RunningSystem.Root));
    }

    [Fact]
    public async Task Hospital_in_python_has_its_day()
    {
        FileDescriptorSet descriptors =
            new() { File = { FileDescriptorProto.Parser.ParseFrom(AdjudicationReflection.Descriptor.SerializedData) } };
        string contract = system.FilePath("contract.pb");
        await File.WriteAllBytesAsync(contract, descriptors.ToByteArray());
        Assert.Equal(Day, await ForeignProcess.LinesAsync(await ForeignProcess.PythonWithGrpcAsync(),
            [Sample("python", "hospital.py"), Adjudication, Gateway, "HS2", "PS2", VisitDate, contract], RunningSystem.Root));
    }

    [Fact]
    public async Task Hospital_in_javascript_has_its_day()
    {
        string modules = await ForeignProcess.NodeWithGrpcAsync();
        string protos = Path.Combine(RunningSystem.Root, "protos");
        Assert.Equal(Day, await ForeignProcess.LinesAsync("node",
            [Sample("node", "hospital.js"), Adjudication, Gateway, "HS3", "PS3", VisitDate, protos], modules));
    }

    [Fact]
    public async Task Hospital_in_java_has_its_day() => Assert.Equal(Day, await ForeignProcess.LinesAsync(
        ForeignProcess.JavaWithCompiler(), [Sample("java", "Hospital.java"), Gateway, "HS4", "PS4", VisitDate], RunningSystem.Root));

    private string Adjudication => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{system.PortBase + 1}");

    private string Gateway => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{system.PortBase + 4}");

    private static string Sample(string language, string file) => Path.Combine(RunningSystem.Root, "samples", language, file);
}
