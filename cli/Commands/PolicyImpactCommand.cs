using System.CommandLine;
using System.Globalization;
using Claims.Cli.PolicyImpact;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims policy impact</c>: what another policy would have made of the settlements in the books; changes nothing.</summary>
public static partial class PolicyCommand
{
    private const int SettlementsShown = 20;

    // The ledger reads the whole sub-ledger of the years concerned.
    private static readonly TimeSpan CalculationBound = TimeSpan.FromMinutes(30);

    private static Command CreateImpact()
    {
        Option<string> other = new("--pack")
        {
            Description = "The other policy: a directory of YAML files, or an outpatient file that stands in for the city's.",
            Required = true,
        };
        Option<DateOnly> from = CommonOptions.Day("--from", "First day of the visits to be looked at, yyyy-MM-dd");
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("impact",
            "Which settlements in the books would differ under another policy, and by how much; changes "
            + "nothing") { other, from, city, directory, json };
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                DateOnly day = parsed.GetRequiredValue(from);
                string cityName = parsed.GetRequiredValue(city);
                PackFiles files = PackFiles.Read(parsed.GetRequiredValue(other), parsed.GetRequiredValue(directory), cityName);
                Impact impact = await AskAsync(parsed, files, cityName, day, cancel);
                if (parsed.GetValue(json)) Output.WriteJson(Json(impact, day));
                else Print(impact, day);
                return ExitCodes.Done;
            }
            catch (PolicyException exception)
            {
                foreach (string fault in exception.Faults) Output.Error(fault);
                return ExitCodes.Failed;
            }
        });
        return command.Reaching();
    }

    /// <exception cref="PolicyException">The ledger found faults in the pack.</exception>
    /// <exception cref="CommandException">The ledger refuses, or does not answer.</exception>
    private static async Task<Impact> AskAsync(
        ParseResult parsed, PackFiles files, string city, DateOnly from, CancellationToken cancellationToken)
    {
        using Services services = Services.Of(parsed);
        string address = services.Layout.LedgerAddress;
        ImpactRequest request =
            new() { Files = { files.Files }, City = city, From = from.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) };
        ImpactPack? pack = null;
        ImpactTotals? totals = null;
        List<DifferingSettlement> settlements = [];
        try
        {
            using AsyncServerStreamingCall<ImpactNews> call =
                new V1.PolicyImpact.PolicyImpactClient(services.Connect(address))
                    .Calculate(request, null, DateTime.UtcNow + CalculationBound, cancellationToken);
            await foreach (ImpactNews news in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                if (news.Faults is { } found) throw new PolicyException([.. found.Faults.Select(files.Own)]);
                pack ??= news.Pack;
                totals ??= news.Totals;
                if (news.Settlements is { } more) settlements.AddRange(more.Settlements);
            }
        }
        catch (RpcException e)
        {
            throw e.StatusCode == StatusCode.DataLoss
                ? new CommandException($"The ledger service says: {e.Status.Detail}.")
                : Services.Refusal("ledger", address, e);
        }

        return pack is not null && totals is not null
            ? new Impact(pack, totals, settlements)
            : throw new CommandException($"ledger at {address} ended its answer before the totals.", ExitCodes.Unavailable);
    }

    private static object Json(Impact impact, DateOnly from) => new
    {
        impact.Pack.City,
        impact.Pack.Hash,
        From = from,
        Total = Json(impact.Totals.Total),
        Policies = impact.Totals.Policies.Select(Json),
        Settlements = impact.Settlements.Select(settlement => new
        {
            settlement.Shard,
            settlement.Sequence,
            settlement.SettlementId,
            settlement.FacilityCode,
            settlement.InsuredId,
            settlement.VisitDate,
            settlement.PolicyIdBefore,
            settlement.PolicyIdAfter,
            settlement.DeductibleBeforeFen,
            settlement.DeductibleAfterFen,
            settlement.FundPaidBeforeFen,
            settlement.FundPaidAfterFen,
            settlement.ReasonCode,
            DifferenceFen = settlement.FundPaidAfterFen - settlement.FundPaidBeforeFen,
        }),
    };

    private static object Json(ImpactSum sum) => new
    {
        sum.PolicyId,
        sum.Settlements,
        sum.Differing,
        sum.FundPaidBeforeFen,
        sum.FundPaidAfterFen,
        DifferenceFen = sum.FundPaidAfterFen - sum.FundPaidBeforeFen,
    };

    private static void Print(Impact impact, DateOnly from)
    {
        Output.Line(string.Create(CultureInfo.InvariantCulture,
            $"{impact.Pack.City} {impact.Pack.Hash}, visits 就诊日期 >= {from:yyyy-MM-dd}"));
        Output.Table(
            ["policy 政策", ">settlements 结算", ">differ 有差异", ">fund paid 基金已付", ">would pay 应付", ">difference 差额"],
            [.. impact.Totals.Policies.Select(policy => Totals(
                policy.PolicyId.Length == 0 ? "none in force 无适用政策" : policy.PolicyId, policy)), Totals("total 合计", impact.Totals.Total)]);
        if (impact.Settlements.Count == 0) return;
        Output.Table(
            ["settlement 结算编号", "facility 机构", "insured 参保人", "visit 就诊日期", ">deductible 起付", ">would be 应为", ">fund paid 基金已付",
                ">would pay 应付", ">difference 差额", "reason 原因"],
            impact.Settlements.Take(SettlementsShown).Select(settlement => new[]
            {
                settlement.SettlementId,
                settlement.FacilityCode,
                Mask.Insured(settlement.InsuredId),
                settlement.VisitDate,
                Output.Yuan(settlement.DeductibleBeforeFen),
                Output.Yuan(settlement.DeductibleAfterFen),
                Output.Yuan(settlement.FundPaidBeforeFen),
                Output.Yuan(settlement.FundPaidAfterFen),
                Signed(settlement.FundPaidAfterFen - settlement.FundPaidBeforeFen),
                settlement.ReasonCode,
            }));
        if (impact.Settlements.Count > SettlementsShown)
            Output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{impact.Settlements.Count - SettlementsShown:#,##0} more 其余见 --json"));
    }

    private static string[] Totals(string name, ImpactSum totals) =>
    [
        name,
        totals.Settlements.ToString("#,##0", CultureInfo.InvariantCulture),
        totals.Differing.ToString("#,##0", CultureInfo.InvariantCulture),
        Output.Yuan(totals.FundPaidBeforeFen),
        Output.Yuan(totals.FundPaidAfterFen),
        Signed(totals.FundPaidAfterFen - totals.FundPaidBeforeFen),
    ];

    private static string Signed(long fen) => fen switch
    {
        > 0 => $"+{Output.Yuan(fen)}",
        < 0 => $"-{Output.Yuan(-fen)}",
        0 => "",
    };

    /// <summary>What the ledger has answered.</summary>
    private sealed record Impact(ImpactPack Pack, ImpactTotals Totals, IReadOnlyList<DifferingSettlement> Settlements);
}
