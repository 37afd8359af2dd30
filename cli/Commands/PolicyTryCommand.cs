using System.CommandLine;
using System.Globalization;
using Claims.Cli.PolicyTrial;
using Claims.Hosting;
using Claims.Policy;
using Claims.Rules;

namespace Claims.Cli.Commands;

/// <summary><c>claims policy try</c>: what a row of visits would be paid, and why, before anyone settles by a policy.</summary>
public static partial class PolicyCommand
{
    private static readonly Dictionary<string, V1.VisitType> KnownVisitTypes = new[]
    {
        V1.VisitType.Ordinary, V1.VisitType.PrenatalCheck, V1.VisitType.DeliveryNatural, V1.VisitType.DeliveryCaesarean,
    }.ToDictionary(VisitTypes.WireName, StringComparer.Ordinal);

    private static Command CreateTry()
    {
        Option<string> facility = new("--facility-class") { Description = "Class of the facility, as the file names it", Required = true };
        Option<string?> person = new("--person-class") { Description = "Class of the person; may be left out where the city has one" };
        Option<string> amounts = new("--amounts")
        {
            Description = "In-scope costs in yuan, one visit after another; 250@2025-02-01 says the day of it and of those that follow",
            Required = true,
        };
        Option<DateOnly?> on = CommonOptions.OptionalDay("--on", "Day of the visits that name none, yyyy-MM-dd; without it today");
        Option<string> visitType = new("--visit-type") { Description = "Type of the visits", DefaultValueFactory = _ => "ORDINARY" };
        visitType.AcceptOnlyFromAmong([.. KnownVisitTypes.Keys]);
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("try", "What a row of visits of one person at one facility would be paid, and why; nothing is settled")
        {
            facility, person, amounts, on, visitType, city, directory, json,
        };
        command.SetAction(parsed => Run(() =>
        {
            DateOnly firstDay = parsed.GetValue(on) ?? ChinaTime.Today(TimeProvider.System);
            IReadOnlyList<TriedVisit> tried = Trial.Run(
                Load(parsed, directory, city), parsed.GetRequiredValue(facility), parsed.GetValue(person),
                KnownVisitTypes[parsed.GetRequiredValue(visitType)], VisitRow.Parse(parsed.GetRequiredValue(amounts), firstDay));
            if (parsed.GetValue(json)) Output.WriteJson(tried.Select(Json));
            else Print(tried);
            return ExitCodes.Done;
        }));
        return command;
    }

    private static void Print(IReadOnlyList<TriedVisit> tried)
    {
        Output.Table(
            [">次", "就诊日期", ">政策范围内费用", ">起付标准", ">统筹基金支付", ">个人负担"],
            tried.Select((visit, index) => new[]
            {
                Number(index + 1), Day(visit.Visit.Date), Output.Yuan(visit.Visit.InScopeFen), Output.Yuan(visit.Settlement.DeductibleFen),
                Output.Yuan(visit.Settlement.FundPayFen), Output.Yuan(visit.Visit.InScopeFen - visit.Settlement.FundPayFen),
            }));
        foreach ((TriedVisit visit, int index) in tried.Select((visit, index) => (visit, index)))
            Output.Line($"第{Number(index + 1)}次：{visit.Trace}");
        Output.Table(
            ["限额", "期间", ">标准", ">已用", ">剩余"],
            from limit in tried.SelectMany(LimitsOf)
            group limit by (limit.Terms.Label, limit.Period) into uses
            let last = uses.Last()
            select new[]
            {
                last.Terms.Label, last.Period, Amount(last.Terms, last.Use.Limit), Amount(last.Terms, After(last.Use)),
                Amount(last.Terms, Left(last.Use)),
            });
    }

    private static object Json(TriedVisit visit) => new
    {
        visitDate = Day(visit.Visit.Date),
        policyId = visit.Terms.PolicyId,
        inScopeFen = visit.Visit.InScopeFen,
        refused = visit.Refused,
        deductibleFen = visit.Settlement.DeductibleFen,
        fundPayFen = visit.Settlement.FundPayFen,
        selfPayFen = visit.Visit.InScopeFen - visit.Settlement.FundPayFen,
        reasonCode = visit.Refused ? Reasons.AllowanceAlreadyPaid : visit.Settlement.ReasonCode,
        trace = visit.Trace,
        limits = LimitsOf(visit).Select(limit => new
        {
            name = limit.Terms.Name,
            label = limit.Terms.Label,
            period = limit.Period,
            limit = limit.Use.Limit,
            usedBefore = limit.Use.UsedBefore,
            usedAfter = After(limit.Use),
            remaining = Left(limit.Use),
        }),
    };

    // Bands limit nothing, and a cap of another benefit does not meet these visits.
    private static IEnumerable<(LimitTerms Terms, string Period, LimitUse Use)> LimitsOf(TriedVisit visit) => visit.Uses
        .Select((use, index) => (Terms: visit.Terms.Limits[index], Use: use))
        .Where(limit => limit.Terms.Kind is not (LimitKind.Bands or LimitKind.Shown))
        .Select(limit => (limit.Terms, AccumulatorNames.PeriodText(limit.Terms.Per, visit.Visit.Date), limit.Use));

    private static long After(LimitUse use) => use.UsedBefore + use.Moved;

    private static long Left(LimitUse use) => Math.Max(use.Limit - After(use), 0);

    private static string Amount(LimitTerms terms, long amount) =>
        terms.Kind == LimitKind.Count ? $"{Number(amount)}次" : Output.Yuan(amount);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
