using System.CommandLine;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims insured merge</c>: two ids that are one person.</summary>
public static class InsuredMerge
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Argument<string> merged = new("old") { Description = "The id that goes: a newborn's temporary one, a wrong one." };
        Argument<string> into = new("new") { Description = "The id that stays." };
        Option<string> reason = new("--reason") { Description = "Why; kept in the books.", Required = true };
        Option<string> actor = new("--actor")
        {
            Description = "Who does it; kept in the books.",
            DefaultValueFactory = _ => Environment.UserName,
        };
        Option<bool> undo = new("--undo") { Description = "Part them again: not once anything was settled or undone since." };
        Option<bool> yes = new("--yes") { Description = "Do not ask. Without a terminal there is nobody to ask." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("merge",
            "Make two ids one person: one cap, one deductible a day, one list of settlements under both. What they have used together "
            + "beyond a limit is told, and nothing is taken back. The same again goes through with what was interrupted.")
        {
            merged,
            into,
            reason,
            actor,
            undo,
            yes,
            json,
        };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            MergeInsuredRequest request = new()
            {
                MergedId = result.GetRequiredValue(merged),
                IntoId = result.GetRequiredValue(into),
                Reason = result.GetRequiredValue(reason),
                Actor = result.GetRequiredValue(actor),
                Undo = result.GetValue(undo),
            };
            if (!result.GetValue(yes)) await AskAsync(request, cancel);
            MergeInsuredReply reply = await MergeAsync(services, request, cancel);
            if (result.GetValue(json)) PrintJson(request, reply);
            else Print(request, reply);
            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task AskAsync(MergeInsuredRequest request, CancellationToken cancellationToken)
    {
        string word = request.MergedId[^Math.Min(4, request.MergedId.Length)..];
        if (Console.IsInputRedirected)
            throw new CommandException("Nothing was merged: there is no terminal to ask at, and --yes is not given.");
        Console.Error.Write($"{Mask.Insured(request.MergedId)} {(request.Undo ? "is parted from 拆分" : "is merged into 合并入")} "
            + $"{Mask.Insured(request.IntoId)}, and once anything is settled that stays 结算后不可恢复. "
            + $"Type the last digits of the first id, {word}: ");
        string? typed = await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellationToken);
        if (typed?.Trim() != word) throw new CommandException($"Nothing was merged: what was typed is not {word}.");
    }

    private static async Task<MergeInsuredReply> MergeAsync(
        Services services, MergeInsuredRequest request, CancellationToken cancellationToken)
    {
        string address = services.Layout.AdjudicationOperatorsAddress;
        try
        {
            return await new AdjudicationOperations.AdjudicationOperationsClient(services.Connect(address))
                .MergeInsuredAsync(request, null, DateTime.UtcNow + CallBound, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Services.Refusal("adjudication", address, e);
        }
    }

    private static void Print(MergeInsuredRequest request, MergeInsuredReply reply)
    {
        string what = request.Undo ? "is parted from 已拆分自" : "is one with 已合并入";
        Output.Line($"{Mask.Insured(request.MergedId)} {what} {Mask.Insured(request.IntoId)}"
            + $"{(reply.DoneBefore ? ", as it was before 此前已完成" : "")}; merge {reply.Merge}.");
        if (reply.Overdrawn.Count > 0)
        {
            Output.Line("Together they have used more than these limits allow, and nothing is taken back 两个编号合计已超限额，系统不追回:");
            Output.Table(["limit 限额项目", ">limit 限额", ">used 合计已用", ">beyond 超出"], reply.Overdrawn.Select(over => new[]
            {
                over.Accumulator, Amount(over, over.Limit), Amount(over, over.Used), Amount(over, over.Used - over.Limit),
            }));
        }

        foreach (string visit in reply.SettledTwice)
            Output.Line($"A settlement stands under either id for visit {visit}: cancel one 同一就诊在两个编号下均已结算，请撤销其一.");
    }

    private static void PrintJson(MergeInsuredRequest request, MergeInsuredReply reply) => Output.WriteJson(new
    {
        Merged = Mask.Insured(request.MergedId),
        Into = Mask.Insured(request.IntoId),
        request.Undo,
        reply.Merge,
        reply.DoneBefore,
        Overdrawn = reply.Overdrawn.Select(over => new { over.Accumulator, over.Limit, over.Used }),
        reply.SettledTwice,
    });

    /// <summary>In yuan, or in visits where the measure is n.</summary>
    private static string Amount(OverdrawnLimit over, long amount) =>
        over.Accumulator[0] == 'n' ? FundingOptions.Number(amount) : Output.Yuan(amount);
}
