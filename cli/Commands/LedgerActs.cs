using System.CommandLine;
using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger acts</c>: what cannot be undone, and who did it.</summary>
internal static class LedgerActs
{
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(1);

    public static Command Create()
    {
        Option<long> after = new("--after") { Description = "Number of the act after which to begin" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("acts", "Closings, payments, imports and whatever else cannot be undone, with who did it") { after, json };
        command.SetAction(async (parsed, cancel) =>
        {
            using Services services = Services.Of(parsed);
            List<Act> acts = [];
            try
            {
                using AsyncServerStreamingCall<Act> call = new Acts.ActsClient(services.Connect(services.Layout.LedgerAddress)).List(
                    new ListActsRequest { After = parsed.GetValue(after) }, null, DateTime.UtcNow + CallBound, cancel);
                while (await call.ResponseStream.MoveNext(cancel)) acts.Add(call.ResponseStream.Current);
            }
            catch (RpcException e)
            {
                throw Services.Refusal("ledger", services.Layout.LedgerAddress, e);
            }

            if (parsed.GetValue(json)) Output.WriteJson(new { Acts = acts.Select(Json) });
            else
                Output.Table([">no. 编号", "at 时间", "act 操作", "subject 对象", "detail 说明", "caller 身份", "by 经办"], acts.Select(act => new[]
                {
                    act.ActId.ToString(CultureInfo.InvariantCulture), ChinaTime.Text(At(act)), Word(act.Kind), act.Subject, act.Detail,
                    act.Caller, act.Actor,
                }));
            return ExitCodes.Done;
        });
        return command;
    }

    private static object Json(Act act) => new
    {
        act.ActId,
        At = At(act),
        Kind = act.Kind.ToString(),
        act.Subject,
        act.Detail,
        act.Caller,
        act.Actor,
        act.BatchId,
    };

    private static DateTimeOffset At(Act act) => DateTimeOffset.FromUnixTimeMilliseconds(act.ActedAtUnixMs);

    private static string Word(ActKind kind) => kind switch
    {
        ActKind.YearProposed => "year proposed 提议年结",
        ActKind.YearTakenBack => "year taken back 撤回年结",
        ActKind.YearClosedToHospitals => "year closed to hospitals 停止受理",
        ActKind.YearClosed => "year closed 年结",
        ActKind.MonthClosed => "month closed 月结",
        ActKind.VoucherEntered => "voucher 记账凭证",
        ActKind.PlanSet => "plan set 设定计划",
        ActKind.ShardResumed => "shard resumed 恢复入账",
        ActKind.FileImported => "file imported 导入",
        ActKind.ShardRebuilt => "shard rebuilt 重建分片",
        ActKind.InsuredRestored => "insured restored 恢复个人",
        ActKind.InsuredMerged => "insured merged 合并编号",
        ActKind.InsuredParted => "insured parted 撤销合并",
        ActKind.PolicyInForce => "policy in force 政策生效",
        _ => throw CommandException.UnknownWord("kind of act", kind),
    };
}
