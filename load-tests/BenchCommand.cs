using System.CommandLine;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.LoadTests.Measuring;
using Claims.LoadTests.Peer;
using Claims.LoadTests.Posting;

namespace Claims.LoadTests;

/// <summary>Every measurement in one run, round by round in turn, so that whatever else the machine does meets all of them alike.</summary>
public static class BenchCommand
{
    private const int DefaultRounds = 5;
    private const int PostingRecords = 320_000;
    private const int PeerSeconds = 10;
    private const int SettleInsured = 100_000;
    private const int SettleVisits = 100_000;

    public static Command Create()
    {
        Option<int> rounds = new("--rounds") { Description = "Of each measurement; the median counts.", DefaultValueFactory = _ => DefaultRounds };
        Option<bool> json = CommonOptions.Json();
        Command command = new("bench", "Measure the system against the peer and against the limit; medians and ratios.") { rounds, json };
        command.SetAction((result, cancel) => RunAsync(result.GetValue(rounds), result.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(int rounds, bool json, CancellationToken cancellationToken)
    {
        List<double> posting = [];
        List<double> peerVisits = [];
        for (int round = 1; round <= rounds; round++)
        {
            await using (PlPgSqlPeer peer = await PlPgSqlPeer.StartAsync(cancellationToken))
                peerVisits.Add(await peer.MeasureAsync(PeerSeconds, cancellationToken));
            Output.Progress(string.Create(CultureInfo.InvariantCulture, $"round {round}: peer {peerVisits[^1]:#,##0}/s"));
            posting.Add(await PostingBench.MeasureAsync(PostingRecords, _ => { }, cancellationToken));
            Output.Progress(string.Create(CultureInfo.InvariantCulture, $"round {round}: posting {posting[^1]:#,##0}/s"));
        }

        Workload workload = new(SettleInsured);
        await using (TemporarySystem system = await TemporarySystem.StartAsync("bench", _ => { }, cancellationToken))
        {
            using (Services services = new(system.Layout)) await workload.ImportAsync(services, cancellationToken);
            for (int round = 0; round <= rounds; round++)
            {
                SettleRound measured = await SettleBench.MeasureAsync(system, workload, SettleVisits, cancellationToken);
                Output.Progress(string.Create(CultureInfo.InvariantCulture, $"round {round}: settle {measured.SettlePerSecond:#,##0}/s, end to end {measured.EndToEndPerSecond:#,##0}/s; {string.Join(", ", measured.CpuMicroseconds.Select(use => $"{use.Key} {use.Value:0.0}"))} µs"));
            }
        }

        double peerPerSecond = Median.Of(peerVisits);
        double postingPerSecond = Median.Of(posting);
        if (json)
            Output.WriteJson(new { peerPerSecond, postingPerSecond, postingToPeer = postingPerSecond / peerPerSecond });
        else
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"posting {postingPerSecond:#,##0}/s, peer {peerPerSecond:#,##0}/s: {postingPerSecond / peerPerSecond:0.0} times the peer"));
        return ExitCodes.Done;
    }
}
