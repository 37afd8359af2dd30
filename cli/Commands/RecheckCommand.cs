using System.CommandLine;
using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims recheck</c>: which standing settlements the registry and policy of today would refuse or pay differently.</summary>
public static class RecheckCommand
{
    private const int SettlementsShown = 20;

    // The ledger reads its whole sub-ledger, and asks the registry about everybody in it.
    private static readonly TimeSpan RecheckBound = TimeSpan.FromMinutes(30);

    private static readonly Dictionary<WrongCause, (string Code, string Label)> Causes = new()
    {
        [WrongCause.Refused] = ("refused", "refused 应拒付"),
        [WrongCause.OtherTier] = ("otherTier", "other tier 机构级别不同"),
        [WrongCause.OtherTerms] = ("otherTerms", "other terms 政策不同"),
        [WrongCause.Follows] = ("follows", "follows 随其他结算变动"),
    };

    public static Command Create()
    {
        Option<DateOnly?> from =
            CommonOptions.OptionalDay("--from", "First day of the visits to be looked at, yyyy-MM-dd; without it all.");
        Option<string?> facility = new("--facility") { Description = "Only settlements of this facility." };
        Option<string?> insured = new("--insured") { Description = "Only settlements of this insured." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("recheck",
            "Standing settlements that today's registry or policy would refuse or pay differently, with cause and difference; changes "
            + "nothing.")
        {
            from,
            facility,
            insured,
            json,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            RecheckRequest request = new()
            {
                From = RegistryCalls.Iso(parsed.GetValue(from)),
                FacilityCode = parsed.GetValue(facility) ?? "",
                InsuredId = parsed.GetValue(insured) ?? "",
            };
            using Services services = Services.Of(parsed);
            (List<WrongSettlement> wrong, RecheckTotals totals) = await AskAsync(services, request, Output.Progress, cancel);
            if (parsed.GetValue(json)) Output.WriteJson(Json(wrong, totals));
            else Print(wrong, totals);
            return ExitCodes.Done;
        });
        return command.Reaching();
    }

    /// <param name="told">Takes a line about every second.</param>
    /// <exception cref="CommandException">The ledger refuses, or does not answer.</exception>
    public static async Task<(List<WrongSettlement> Wrong, RecheckTotals Totals)> AskAsync(
        Services services, RecheckRequest request, Action<string>? told, CancellationToken cancellationToken)
    {
        string address = services.Layout.LedgerAddress;
        List<WrongSettlement> wrong = [];
        RecheckTotals? totals = null;
        try
        {
            using AsyncServerStreamingCall<RecheckNews> call = new Recheck.RecheckClient(services.Connect(address))
                .Run(request, null, DateTime.UtcNow + RecheckBound, cancellationToken);
            await foreach (RecheckNews news in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                if (news.Settlements is { } some) wrong.AddRange(some.Settlements);
                if (news.Progress is { } progress)
                    told?.Invoke(string.Create(CultureInfo.InvariantCulture,
                        $"Rechecking 复核: {progress.Entries:#,##0} of {progress.Of:#,##0} entries, {wrong.Count:#,##0} differ"));
                totals ??= news.Totals;
            }
        }
        catch (RpcException e)
        {
            throw e.StatusCode == StatusCode.DataLoss
                ? new CommandException($"The ledger service says: {e.Status.Detail}.")
                : Services.Refusal("ledger", address, e);
        }

        return totals is null
            ? throw new CommandException($"ledger at {address} ended its answer before the totals.", ExitCodes.Unavailable)
            : (wrong, totals);
    }

    private static object Json(List<WrongSettlement> wrong, RecheckTotals totals) => new
    {
        totals.Settlements,
        totals.Differing,
        totals.Refused,
        totals.FundPaidBeforeFen,
        totals.FundPaidAfterFen,
        DifferenceFen = totals.FundPaidAfterFen - totals.FundPaidBeforeFen,
        Wrong = wrong.Select(settlement => new
        {
            settlement.Shard,
            settlement.Sequence,
            settlement.SettlementId,
            settlement.FacilityCode,
            settlement.InsuredId,
            settlement.VisitDate,
            Cause = Causes[settlement.Cause].Code,
            settlement.ReasonCode,
            settlement.ReasonText,
            settlement.TierBefore,
            settlement.TierAfter,
            settlement.DeductibleBeforeFen,
            settlement.DeductibleAfterFen,
            settlement.FundPaidBeforeFen,
            settlement.FundPaidAfterFen,
            DifferenceFen = settlement.FundPaidAfterFen - settlement.FundPaidBeforeFen,
        }),
    };

    private static void Print(List<WrongSettlement> wrong, RecheckTotals totals)
    {
        if (wrong.Count > 0)
        {
            Output.Table(
                ["settlement 结算编号", "facility 机构", "insured 参保人", "visit 就诊日期", "cause 原因", "", ">fund paid 基金已付", ">would pay 应付"],
                wrong.Take(SettlementsShown).Select(settlement => new[]
                {
                    settlement.SettlementId,
                    settlement.FacilityCode,
                    Mask.Insured(settlement.InsuredId),
                    settlement.VisitDate,
                    Causes[settlement.Cause].Label,
                    settlement.Cause is WrongCause.OtherTier ? $"{settlement.TierBefore} → {settlement.TierAfter}" : settlement.ReasonText,
                    Output.Yuan(settlement.FundPaidBeforeFen),
                    Output.Yuan(settlement.FundPaidAfterFen),
                }));
            if (wrong.Count > SettlementsShown)
                Output.Line(string.Create(CultureInfo.InvariantCulture, $"{wrong.Count - SettlementsShown:#,##0} more 其余见 --json"));
        }

        Output.Line(string.Create(CultureInfo.InvariantCulture,
            $"{totals.Settlements:#,##0} standing 有效结算, {totals.Differing:#,##0} differ 有差异, "
                + $"{totals.Refused:#,##0} of them refused 其中应拒付; ")
            + $"fund paid 基金已付 {Output.Yuan(totals.FundPaidBeforeFen)}, would pay 应付 {Output.Yuan(totals.FundPaidAfterFen)}.");
    }
}
