using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
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

    // The whole sub-ledger of the years concerned passes through.
    private static readonly TimeSpan ReadBound = TimeSpan.FromMinutes(30);

    private static Command CreateImpact()
    {
        Option<string> other = new("--pack") { Description = "The other policy: a directory of YAML files, or an outpatient file that stands in for the city's.", Required = true };
        Option<DateOnly> from = CommonOptions.Day("--from", "First day of the visits to be looked at, yyyy-MM-dd");
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("impact", "Which settlements in the books would differ under another policy, and by how much; changes nothing") { other, from, city, directory, json };
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                DateOnly day = parsed.GetRequiredValue(from);
                PolicyPack pack = ImpactPack.Load(parsed.GetRequiredValue(other), parsed.GetRequiredValue(directory), parsed.GetRequiredValue(city));
                Impact impact = await ReadImpactAsync(pack, day, cancel);
                if (parsed.GetValue(json))
                    Output.WriteJson(new { pack.City, pack.Hash, From = day, impact.Total, impact.Policies, impact.Settlements });
                else
                    Print(impact, pack, day);
                return ExitCodes.Done;
            }
            catch (PolicyException exception)
            {
                foreach (string fault in exception.Faults) Output.Error(fault);
                return ExitCodes.Failed;
            }
        });
        return command;
    }

    private static async Task<Impact> ReadImpactAsync(PolicyPack pack, DateOnly from, CancellationToken cancellationToken)
    {
        using Services services = new(SystemLayout.FromEnvironment());
        string address = services.Layout.LedgerAddress;
        try
        {
            using AsyncServerStreamingCall<SubLedgerEntry> entries = new Ledger.LedgerClient(services.Connect(address))
                .ListEntries(new ListEntriesRequest { FromYear = from.Year }, null, DateTime.UtcNow + ReadBound, cancellationToken);
            return await ImpactCalculation.OfAsync(pack, from, entries.ResponseStream.ReadAllAsync(cancellationToken));
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", address, e);
        }
    }

    private static void Print(Impact impact, PolicyPack pack, DateOnly from)
    {
        Output.Line(string.Create(CultureInfo.InvariantCulture, $"{pack.City} {pack.Hash}, visits 就诊日期 >= {from:yyyy-MM-dd}"));
        Output.Table(
            ["policy 政策", ">settlements 结算", ">differ 有差异", ">fund paid 基金已付", ">would pay 应付", ">difference 差额"],
            [.. impact.Policies.Select(policy => Totals(policy.PolicyId.Length == 0 ? "none in force 无适用政策" : policy.PolicyId, policy)), Totals("total 合计", impact.Total)]);
        if (impact.Settlements.Count == 0) return;
        Output.Table(
            ["settlement 结算编号", "facility 机构", "insured 参保人", "visit 就诊日期", ">deductible 起付", ">would be 应为", ">fund paid 基金已付", ">would pay 应付", ">difference 差额", "reason 原因"],
            impact.Settlements.Take(SettlementsShown).Select(settlement => new[]
            {
                settlement.SettlementId,
                settlement.FacilityCode,
                Mask.Insured(settlement.InsuredId),
                settlement.VisitDate.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                Output.Yuan(settlement.DeductibleBeforeFen),
                Output.Yuan(settlement.DeductibleAfterFen),
                Output.Yuan(settlement.FundPaidBeforeFen),
                Output.Yuan(settlement.FundPaidAfterFen),
                Signed(settlement.DifferenceFen),
                settlement.ReasonCode,
            }));
        if (impact.Settlements.Count > SettlementsShown)
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"{impact.Settlements.Count - SettlementsShown:#,##0} more 其余见 --json"));
    }

    private static string[] Totals(string name, ImpactTotals totals) =>
    [
        name,
        totals.Settlements.ToString("#,##0", CultureInfo.InvariantCulture),
        totals.Differing.ToString("#,##0", CultureInfo.InvariantCulture),
        Output.Yuan(totals.FundPaidBeforeFen),
        Output.Yuan(totals.FundPaidAfterFen),
        Signed(totals.DifferenceFen),
    ];

    private static string Signed(long fen) => fen switch
    {
        > 0 => $"+{Output.Yuan(fen)}",
        < 0 => $"-{Output.Yuan(-fen)}",
        0 => "",
    };
}
