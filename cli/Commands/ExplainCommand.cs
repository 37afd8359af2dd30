using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Claims.Hosting;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims explain</c>: why a request was refused, and, where the insured is named, what became of it.</summary>
public static class ExplainCommand
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(10);

    // A refusal is with the ledger about a second after its answer, and whoever asks may be quicker than that.
    private static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public static Command Create()
    {
        Option<string> facility = new("--facility") { Required = true, Description = "Code of the facility that sent the request." };
        Option<string> request = new("--request") { Required = true, Description = "Its request id." };
        Option<string> insured = new("--insured")
        {
            Description = "Whose request it was: then also what stands under it, with the calculation.",
            DefaultValueFactory = _ => "",
        };
        Option<bool> json = CommonOptions.Json();
        Command command = new("explain", "Why a request was refused, when, and what to do; exit code 1 where nothing is known of it.")
        {
            facility, request, insured, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            (string of, string id) = (result.GetValue(facility)!, result.GetValue(request)!);
            FindRefusalsReply refused = await RefusalsAsync(services, of, id, cancel);
            SettleReply? standing = await StandingAsync(services, of, id, result.GetValue(insured)!, cancel);
            long begun = Stopwatch.GetTimestamp();
            while (refused.Refusals.Count == 0 && standing is null && Stopwatch.GetElapsedTime(begun) < OnItsWay)
            {
                await Task.Delay(Pause, cancel);
                refused = await RefusalsAsync(services, of, id, cancel);
            }

            if (result.GetValue(json)) WriteJson(refused, standing);
            else Print(of, id, refused, standing, asked: result.GetValue(insured)!.Length > 0);
            return refused.Refusals.Count > 0 || standing is not null ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static async Task<FindRefusalsReply> RefusalsAsync(
        Services services, string facility, string request, CancellationToken cancellationToken)
    {
        string address = services.Layout.LedgerAddress;
        try
        {
            return await new RefusalLog.RefusalLogClient(services.Connect(address)).FindAsync(
                new FindRefusalsRequest { FacilityCode = facility, RequestId = request },
                null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Services.Refusal("ledger", address, e);
        }
    }

    /// <returns>What was settled under the request id, undone or not; null where nothing was, or nobody was named.</returns>
    private static async Task<SettleReply?> StandingAsync(
        Services services, string facility, string request, string insured, CancellationToken cancellationToken)
    {
        if (insured.Length == 0) return null;
        string address = services.Layout.AdjudicationAddress;
        try
        {
            SettleReply found = await new Adjudication.AdjudicationClient(services.Connect(address)).GetSettlementAsync(
                new GetSettlementRequest { FacilityCode = facility, InsuredId = insured, RequestId = request },
                null, DateTime.UtcNow + CallBound, cancellationToken);
            return found.Decision is Decision.Refused && found.ReasonCode == Reasons.SettlementUnknown ? null : found;
        }
        catch (RpcException e)
        {
            throw Services.Refusal("adjudication", address, e);
        }
    }

    private static void Print(string facility, string request, FindRefusalsReply refused, SettleReply? standing, bool asked)
    {
        foreach (RefusedRequest one in refused.Refusals)
        {
            Reason? reason = Reasons.All.FirstOrDefault(known => known.Code == one.ReasonCode);
            Output.Line($"{TimeOf(one)} {OperationName(one.Operation)}被拒：{one.ReasonText}");
            Output.Line($"  原因代码 {one.ReasonCode}，参保人 {one.InsuredMasked}，由 {one.Instance} 答复");
            if (reason is not null) Output.Line($"  下一步：{Reasons.NameOf(reason.Next)}；可协助：{Reasons.NameOf(reason.Helper)}");
        }

        if (standing is { Decision: Decision.Refused })
            Output.Line($"该请求编号的状态：{standing.ReasonText}（{standing.ReasonCode}）");
        else if (standing is not null)
            Output.Line($"该请求编号已结算 {standing.SettlementId}，{standing.SettledAt}：{standing.Trace}");
        if (refused.Refusals.Count > 0 || standing is not null) return;
        string also = asked ? "，该参保人也没有以此编号办理的结算" : "；是否已结算，请加 --insured 参保人编号再查";
        Output.Line($"没有查到机构 {facility} 请求编号 {request} 被拒绝的记录（保留 {refused.KeptDays} 天）{also}。");
    }

    private static void WriteJson(FindRefusalsReply refused, SettleReply? standing) => Output.WriteJson(new
    {
        Refusals = refused.Refusals.Select(one => new
        {
            RefusedAt = DateTimeOffset.FromUnixTimeMilliseconds(one.RefusedAtUnixMs),
            one.Operation,
            one.ReasonCode,
            one.ReasonText,
            one.InsuredMasked,
            one.Instance,
            Next = Reasons.All.FirstOrDefault(known => known.Code == one.ReasonCode)?.Next.ToString(),
        }),
        refused.KeptDays,
        Standing = standing is null ? null : new
        {
            Decision = standing.Decision.ToString().ToUpperInvariant(),
            standing.SettlementId,
            standing.ReasonCode,
            standing.ReasonText,
            standing.SettledAt,
            standing.FundPayFen,
            standing.Trace,
        },
    });

    private static string TimeOf(RefusedRequest one) => ChinaTime.Text(DateTimeOffset.FromUnixTimeMilliseconds(one.RefusedAtUnixMs));

    private static string OperationName(string operation) => operation switch
    {
        "settle" or "settle_stream" => "结算",
        "pre_settle" => "预结算",
        "cancel" => "撤销",
        "reverse" => "冲正",
        _ => operation,
    };
}
