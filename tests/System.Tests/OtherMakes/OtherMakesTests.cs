using System.Globalization;
using System.Text.Json;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.SystemTests.OtherMakes;

/// <summary>
/// Hospitals whose gRPC is not .NET's: they get the independently worked answers, and what the contract says of streams, repeats and
/// statuses holds for them. Each has a system of its own, since the same operations sent again would be repeats.
/// </summary>
public sealed class OtherMakesTests
{
    private static readonly string[] Cases =
    [
        "stream_answers_each_visit_in_the_insureds_order_and_a_repeat_alike",
        "stream_that_breaks_leaves_answers_that_are_found_again",
        "status_tells_the_clerk_in_chinese",
        "method_of_another_version_is_unimplemented",
        "compressed_request_is_answered",
    ];

    [Fact]
    public Task Hospital_on_grpcio_gets_the_expected_answers() => RunAsync(async (address, operations, system) =>
    {
        FileDescriptorSet descriptors =
            new() { File = { FileDescriptorProto.Parser.ParseFrom(AdjudicationReflection.Descriptor.SerializedData) } };
        string file = system.FilePath("contract.pb");
        await File.WriteAllBytesAsync(file, descriptors.ToByteArray());
        return await ForeignProcess.LinesAsync(
            await ForeignProcess.PythonWithGrpcAsync(), ["hospital.py", address, file, operations], ForeignProcess.SourceDirectory);
    });

    [Fact]
    public Task Hospital_on_grpc_js_gets_the_expected_answers() => RunAsync(async (address, operations, _) =>
    {
        string directory = await ForeignProcess.NodeWithGrpcAsync();
        string client = Path.Combine(ForeignProcess.SourceDirectory, "node", "hospital.js");
        return await ForeignProcess.LinesAsync("node", [client, address, RunningSystem.ContractFile, operations], directory);
    });

    private static async Task RunAsync(Func<string, string, RunningSystem, Task<string[]>> hospital)
    {
        RunningSystem system = new();
        await using DisposeAfter after = new(system.DisposeAsync);
        await system.InitializeAsync();
        RunningSystem.AssertDone(await system.RunAsync("import", "facilities", RunningSystem.VectorFile("golden", "facilities.csv")));
        RunningSystem.AssertDone(await system.RunAsync("import", "insured", RunningSystem.VectorFile("golden", "insured.csv")));

        string address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{system.PortBase + 1}");
        string[] lines = await hospital(address, RunningSystem.VectorFile("golden", "ops.jsonl"), system);

        string[] expected = await File.ReadAllLinesAsync(RunningSystem.VectorFile("golden", "expected.jsonl"));
        Assert.Equal(expected.Length + Cases.Length, lines.Length);
        Assert.Empty(ExpectedAnswers.Differences(expected, lines[..expected.Length]));
        Dictionary<string, string?> failures = lines[expected.Length..].Select(line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(result => result.GetProperty("case").GetString()!, result => result.GetProperty("failure").GetString());
        Assert.Equal(Cases, failures.Keys);
        Assert.All(failures.Values, Assert.Null);
        Assert.NotEmpty(await system.BooksAsync());
    }
}
