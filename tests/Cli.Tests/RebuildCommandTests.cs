using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>What <c>claims rebuild</c> asks for, and what it says came of it.</summary>
[Collection(nameof(FakeSystem))]
public sealed class RebuildCommandTests(FakeSystem system)
{
    private static readonly RebuildReport Rebuilt = new()
    {
        Shard = 1,
        Changed = true,
        Closed = "Shard 1 stays closed.",
        Sequence = 1_009,
        Records = 9,
        UnbookedRecords = 2,
        Insured = 4,
        MissingInsured = 1,
        DifferingInsured = 3,
        UnknownInsured = 5,
        LostNumbers = { new LostNumbers { FirstSequence = 10, LastSequence = 1_009 } },
        LostRecords = { new LostRecord { Sequence = 10, InsuredId = "410101199001011234", FacilityCode = "H1", RequestId = "R1" } },
    };

    private static readonly RebuildReport Whole = new() { Sequence = 7, Records = 7, Insured = 2 };

    [Fact]
    public async Task Every_shard_is_looked_at_and_each_is_told_in_its_order()
    {
        Answering(request => request.Shard == 1 ? Rebuilt : Whole);

        Ran table = await system.RunAsync("rebuild");
        Ran json = await system.RunAsync("rebuild", "--json");
        (json with { Errors = "" }).IsJson(0, """
            {
              "ok": true,
              "dryRun": false,
              "shards": [
                {
                  "insured": null, "shard": 0, "state": "whole", "failure": null, "wasClosed": null, "sequence": 7, "records": 7,
                  "unbookedRecords": 0, "insuredCount": 2, "missingInsured": 0, "differingInsured": 0, "unknownInsured": 0,
                  "restDiffers": false, "lostNumbers": [], "lostRecords": []
                },
                {
                  "insured": null, "shard": 1, "state": "rebuilt", "failure": null, "wasClosed": "Shard 1 stays closed.", "sequence": 1009,
                  "records": 9, "unbookedRecords": 2, "insuredCount": 4, "missingInsured": 1, "differingInsured": 3, "unknownInsured": 5,
                  "restDiffers": false, "lostNumbers": [{ "firstSequence": 10, "lastSequence": 1009 }],
                  "lostRecords": [{ "sequence": 10, "insured": "***1234", "facilityCode": "H1", "requestId": "R1" }]
                }
              ]
            }
            """);

        Assert.Equal(0, table.ExitCode);
        Assert.Equal(["Rebuilding 重建 0: 9 records read", "Rebuilding 重建 1: 9 records read"],
            json.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["0 whole 完好 7 2 0 0 0 0 0", "1 rebuilt 重建 9 4 1 3 5 2 1,000"],
            table.Lines[1..3]);
        Assert.Equal("Shard 1: record 10 was acknowledged and is nowhere 已答复而无处可寻: request R1 of H1 for ***1234; "
            + "it is settled anew where its sender repeats it.", table.Lines[^2]);
        Assert.Equal("The store has what the books say 存储与账册一致.", table.Lines[^1]);
        Assert.DoesNotContain("41010119900101", table.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("whole", 0)]
    [InlineData("missing", 1)]
    [InlineData("differing", 1)]
    [InlineData("unknown", 1)]
    [InlineData("rest", 1)]
    [InlineData("closed", 1)]
    [InlineData("lost", 1)]
    public async Task Dry_run_ends_well_only_where_nothing_differs(string finds, int exitCode)
    {
        RebuildReport report = new() { Shard = 1, Records = 1 };
        switch (finds)
        {
            case "missing": report.MissingInsured = 1; break;
            case "differing": report.DifferingInsured = 1; break;
            case "unknown": report.UnknownInsured = 1; break;
            case "rest": report.RestDiffers = true; break;
            case "closed": report.Closed = "Shard 1 stays closed."; break;
            case "lost": report.LostRecords.Add(new LostRecord { Sequence = 3 }); break;
        }

        Answering(_ => report);

        Ran ran = await system.RunAsync("rebuild", "--shard", "1", "--dry-run");

        Assert.Equal(exitCode, ran.ExitCode);
        Assert.Equal(exitCode == 0
            ? "The store has what the books say 存储与账册一致."
            : "The store is not what the books say 存储与账册不一致; without --dry-run it is rebuilt.", ran.Lines[^1]);
        Assert.Equal([new RebuildShardRequest { Shard = 1, DryRun = true }], system.Received.Select(received => received.Request));
    }

    [Fact]
    public async Task One_insured_is_asked_for_by_his_id_and_told_by_its_end()
    {
        Answering(_ => new RebuildReport { Shard = 5, Changed = true, Records = 3, Insured = 1, MissingInsured = 1 });

        Ran ran = await system.RunAsync("rebuild", "--insured", "410101199001011234");

        Assert.Equal(0, ran.ExitCode);
        Assert.Equal("***1234 rebuilt 重建 3 1 1 0 0 0 0", ran.Lines[1]);
        Assert.Equal([new RebuildShardRequest { InsuredId = "410101199001011234" }], system.Received.Select(received => received.Request));
        Assert.DoesNotContain("41010119900101", ran.Output + ran.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shard_that_is_refused_keeps_no_other_from_being_rebuilt()
    {
        Answering(request => request.Shard == 0
            ? throw new RpcException(new Status(StatusCode.FailedPrecondition, "the ledger has stopped shard 0"))
            : Rebuilt);

        Ran ran = await system.RunAsync("rebuild");

        Assert.Equal(1, ran.ExitCode);
        Assert.Contains("Shard 0: the ledger has stopped shard 0.", ran.Lines);
        Assert.Equal("Not everything is whole 尚未全部恢复.", ran.Lines[^1]);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.DeadlineExceeded)]
    public async Task Store_that_does_not_answer_is_told_and_ends_with_its_own_code(StatusCode code)
    {
        Answering(_ => throw new RpcException(new Status(code, "Redis does not answer")));

        Ran ran = await system.RunAsync("rebuild", "--shard", "0");

        Assert.Equal(3, ran.ExitCode);
        Assert.Contains("Shard 0: Redis does not answer.", ran.Lines);
        Assert.Equal("Not everything is whole 尚未全部恢复.", ran.Lines[^1]);
    }

    [Fact]
    public async Task Shard_of_which_there_is_no_report_is_not_told_to_be_whole()
    {
        system.Begin().List<RebuildShardRequest>("AdjudicationOperations/RebuildShard", _ =>
            [new RebuildNews { Progress = new RebuildProgress { Sequence = 9, Records = 9 } }]);

        Ran ran = await system.RunAsync("rebuild", "--shard", "0");

        Assert.Equal(3, ran.ExitCode);
        Assert.Contains("Shard 0: the answer ended before its report.", ran.Lines);
        Assert.Equal("Not everything is whole 尚未全部恢复.", ran.Lines[^1]);
    }

    /// <summary>Without its check an empty id would rebuild the first shard.</summary>
    [Theory]
    [InlineData("P1", "--shard", "2")]
    [InlineData("")]
    public async Task Insured_with_a_shard_or_without_an_id_is_refused(string insured, params string[] besides)
    {
        Answering(_ => Whole);

        Ran ran = await system.RunAsync(["rebuild", "--insured", insured, .. besides]);

        Assert.Equal(1, ran.ExitCode);
        Assert.Empty(system.Received);
        Assert.Contains("--insured names one insured, whose shard is known by it.", ran.Errors + ran.Output, StringComparison.Ordinal);
    }

    private void Answering(Func<RebuildShardRequest, RebuildReport> report) => system.Begin().List<RebuildShardRequest>(
        "AdjudicationOperations/RebuildShard", requests =>
        [
            new RebuildNews { Progress = new RebuildProgress { Sequence = 9, Records = 9 } },
            new RebuildNews { Report = report(requests[^1]) },
        ]);
}
