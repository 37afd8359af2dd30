using System.CommandLine;
using Claims.Cli.Conformance;
using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class ConformanceCommand
{
    private const int DefaultWaitSeconds = 120;
    private const int QuoteFen = 1000;
    private const string DefaultPatient = "CF000001";
    private const string DefaultCapPatient = "CF000002";
    private static readonly TimeSpan QuoteBound = TimeSpan.FromSeconds(20);

    public static Command Create()
    {
        Option<string> facility = new("--facility") { Description = "Code of the facility whose system is under test.", Required = true };
        Option<string> against = new("--against")
        {
            Description = "HOST:PORT or address of the adjudication of a test system; never of one with patients in it.",
            Required = true,
        };
        Option<string?> ledger = new("--ledger")
        {
            Description = "Where its ledger is, for the day's reconciliation; without it two ports above the adjudication, as `up` has it.",
        };
        Option<string[]> insured = new("--insured")
        {
            Description = "Insured of the test system: the first for every situation, the second for that of the cap; without it those of "
                + "samples/conformance.",
        };
        Option<int> listen = new("--listen") { Description = "Port of 127.0.0.1 for the system under test; without it a free one." };
        listen.Must(port => port is >= 0 and <= ushort.MaxValue - 1, "from 0 to 65534");
        Option<int> wait = CommonOptions.AtLeastOne(
            "--wait", "Seconds for the person at the counter, in each situation.", DefaultWaitSeconds);
        wait.Must(seconds => seconds <= 3600, "at most 3600");
        Option<string> only = new("--only")
        {
            Description = "Numbers, ranges or keys of situations, such as 3,7-9,refund.",
            DefaultValueFactory = _ => "",
        };
        Option<FileInfo?> record = new("--record") { Description = "Write every call here, a line of JSON each; insured ids are masked." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("conformance",
            "Lead a hospital's test system through what a counter meets; exit code 0 only when it handles all of it.")
        {
            facility, against, ledger, insured, listen, wait, only, record, json,
        };
        command.SetAction((result, cancel) => RunAsync(
            new Asked(
                result.GetRequiredValue(facility), AddressOf("--against", result.GetRequiredValue(against)),
                result.GetValue(ledger) is { } named ? AddressOf("--ledger", named) : null,
                result.GetValue(insured) ?? [], result.GetValue(listen), TimeSpan.FromSeconds(result.GetValue(wait)),
                Situations.Choose(result.GetValue(only) ?? ""), result.GetValue(record), result.GetValue(json)),
            result, cancel));
        return command.ReachingNamed();
    }

    private static async Task<int> RunAsync(Asked asked, ParseResult parsed, CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        Action<string> say = asked.Json ? Output.Progress : Output.Line;
        string ledgerAddress = asked.Ledger ?? LedgerBeside(asked.Against);
        using Services services = Services.Of(parsed, ("adjudication", asked.Against), ("ledger", ledgerAddress));
        Upstream upstream = new(services.Connect(asked.Against), services.Connect(ledgerAddress), time);
        Cast cast = CastOf(asked);
        foreach (string insured in asked.Chosen.Select(one => cast.Of(one.Situation)).Distinct(StringComparer.Ordinal))
            await RequireQuoteAsync(upstream, cast.Facility, insured, asked.Against, time, cancellationToken);

        using CallRecord? record = asked.Record is null ? null : CallRecord.Open(asked.Record);
        Session session = new(asked.Facility, Waits.Of(asked.Wait), time, (situation, call) => record?.Add(situation, call));
        int port = asked.Listen > 0 ? asked.Listen : FreePort.Take(2);
        await using Proxy proxy = await Proxy.StartAsync(session, upstream, port, port + 1);
        say($"请把被测系统的结算地址（gRPC）指向 127.0.0.1:{proxy.Port}，对账（HTTP /v1/reconcile-…）指向 http://127.0.0.1:{proxy.HttpPort}；"
            + "gRPC 对账用前一个地址。");
        say($"机构 {cast.Facility}，参保人 {cast.Patient}、{cast.CapPatient}；共 {asked.Chosen.Count} 个情形，每个至多等 {asked.Wait.TotalSeconds} 秒。");
        ConformanceRun run = new(session, cast, asked.Chosen, say);
        bool ended = true;
        try
        {
            await run.PlayAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            ended = false;
        }

        if (asked.Json) Report.PrintJson(cast.Facility, asked.Chosen.Count, run.Outcomes);
        else Report.Print(run.Outcomes);
        if (!ended) return Interruption.ExitCode;
        return run.Outcomes.All(outcome => outcome.Verdict is Verdict.Handled) ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static Cast CastOf(Asked asked) => asked.Insured switch
    {
        [] => new Cast(asked.Facility, DefaultPatient, DefaultCapPatient),
        [var one] => new Cast(asked.Facility, one, one),
        [var patient, var capPatient] => new Cast(asked.Facility, patient, capPatient),
        _ => throw new CommandException("--insured is given at most twice."),
    };

    /// <summary>Facility and insured must be in the registry, or every situation would end with the same refusal.</summary>
    private static async Task RequireQuoteAsync(
        Upstream upstream, string facility, string insured, string address, TimeProvider time, CancellationToken cancellationToken)
    {
        SettleRequest visit = new()
        {
            RequestId = "CONFORMANCE",
            FacilityCode = facility,
            InsuredId = insured,
            VisitDate = Place.Text(ChinaTime.Today(time)),
            VisitType = VisitType.Ordinary,
            TotalFen = QuoteFen,
            InScopeFen = QuoteFen,
        };
        try
        {
            SettleReply quote = await upstream.Adjudication.PreSettleAsync(
                visit, null, (time.GetUtcNow() + QuoteBound).UtcDateTime, cancellationToken);
            if (quote.Decision is not Decision.Quoted)
                throw new CommandException($"A visit of insured {Mask.Insured(insured)} at {facility} today would be refused, "
                    + $"{quote.ReasonCode}: {quote.ReasonText} What the registry needs is in samples/conformance, for "
                    + "`claims import facilities` and `claims import insured`.");
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", address, e);
        }
    }

    private static string AddressOf(string option, string text)
    {
        string address = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
        return text.Length > 0 && new ServiceAddressAttribute().IsValid(address)
            ? new Uri(address).GetLeftPart(UriPartial.Authority)
            : throw new CommandException($"{option} must be HOST:PORT, http://HOST:PORT or https://HOST:PORT, not '{text}'.");
    }

    internal static string LedgerBeside(string adjudication)
    {
        UriBuilder address = new(adjudication);
        SystemLayout layout = new("", 0);
        int port = address.Port - layout.AdjudicationPort + layout.LedgerPort;
        if (port > ushort.MaxValue) throw new CommandException("--ledger must be named: there is no port two above the adjudication's.");
        address.Port = port;
        return address.Uri.GetLeftPart(UriPartial.Authority);
    }

    private sealed record Asked(
        string Facility, string Against, string? Ledger, string[] Insured, int Listen, TimeSpan Wait,
        IReadOnlyList<(int Number, Situation Situation)> Chosen, FileInfo? Record, bool Json);
}
