using System.CommandLine;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>A command that enters a voucher, and how a voucher is shown.</summary>
internal static class VoucherEntry
{
    /// <param name="options">Besides those that every entry has.</param>
    public static Command Enter(string name, string description, Option[] options,
        Func<ParseResult, Funding.FundingClient, VoucherHeader, CallOptions, AsyncUnaryCall<Voucher>> enter)
    {
        (Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) = FundingOptions.Header();
        key.Required = true;
        Option<bool> json = CommonOptions.Json();
        Command command = new(name, description);
        foreach (Option option in (Option[])[.. options, key, actor, memo, on, json]) command.Add(option);
        command.SetAction((parsed, cancel) =>
            FundingCalls.CallAsync(parsed, async (funding, call) => Show(
            await enter(parsed, funding, FundingOptions.HeaderOf(parsed, key, actor, memo, on), call), parsed.GetValue(json)), cancel));
        return command;
    }

    public static int Show(Voucher voucher, bool json)
    {
        if (json)
        {
            Output.WriteJson(Json(voucher));
            return ExitCodes.Done;
        }

        Output.Table(["account", "name", ">debit 借方", ">credit 贷方"], voucher.Postings.Select(posting => new[]
        {
            posting.Account, posting.Name, posting.DebitFen != 0 ? Output.Yuan(posting.DebitFen) : "",
            posting.CreditFen != 0 ? Output.Yuan(posting.CreditFen) : "",
        }));
        foreach (AssessedHeads heads in voucher.Assessed)
            Output.Line($"{heads.Account}: {FundingOptions.Number(heads.Heads)} heads 人{Of(heads.Of)} "
                + $"× {Output.Yuan(heads.PerHeadFen)} ({heads.Source})");
        foreach (UnassessedHeads heads in voucher.Unassessed)
            Output.Line($"not assessed 未核定: {FundingOptions.Number(heads.Heads)} heads 人{Of(heads.Of)}"
                + $"{(heads.PerHeadFen > 0 ? $" × {Output.Yuan(heads.PerHeadFen)}" : "")}: {heads.Reason}");
        Output.Line($"voucher 凭证 {FundingOptions.Number(voucher.VoucherId)} {voucher.KindName} {Output.Yuan(voucher.AmountFen)}, posted "
            + $"记账日 {voucher.PostingDate}, business "
            + $"业务日 {voucher.BusinessDate}{(voucher.Replayed ? "; entered before under this key 此前已入账" : "")}");
        return ExitCodes.Done;
    }

    private static string Of(string of) => of.Length == 0 ? "" : $" of {of}";

    public static object Json(Voucher voucher) => new
    {
        voucher.VoucherId,
        voucher.Key,
        voucher.Kind,
        voucher.KindName,
        voucher.Scheme,
        voucher.County,
        voucher.Period,
        voucher.Memo,
        voucher.Actor,
        voucher.EnteredAt,
        voucher.PostingDate,
        voucher.BusinessDate,
        voucher.AmountFen,
        Reverses = voucher.Reverses == 0 ? (long?)null : voucher.Reverses,
        ReversedBy = voucher.ReversedBy == 0 ? (long?)null : voucher.ReversedBy,
        Postings = voucher.Postings.Select(posting => new { posting.Account, posting.Name, posting.DebitFen, posting.CreditFen }),
        Assessed = voucher.Assessed.Select(heads => new { heads.Account, heads.Of, heads.Heads, heads.PerHeadFen, heads.Source }),
        Unassessed = voucher.Unassessed.Select(heads => new { heads.Of, heads.Heads, heads.PerHeadFen, heads.Reason }),
        voucher.Replayed,
    };
}
