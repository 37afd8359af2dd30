using System.CommandLine;
using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger plan</c>: the plan per county and year.</summary>
internal static class LedgerPlan
{
    public static Command Create() =>
        new("plan", "The plan per county and year, and how far it is used.") { SetPlan(), ShowPlans() };

    private static Command SetPlan()
    {
        Option<string> county = FundingOptions.County(required: true);
        Option<int> year = FundingOptions.Year("Year of the visits");
        Option<long> plan = new("--plan-fen") { Description = "The plan of the year, in fen", Required = true };
        Option<int> revision =
            new("--revision") { Description = "Number of this revision: 1 for the first, then one more each time", Required = true };
        (_, Option<string> actor, Option<string> memo, _) = FundingOptions.Header();
        Option<bool> json = CommonOptions.Json();
        Command command = new("set", "Set or revise the plan of a county and year; earlier revisions stay on "
            + "record") { county, year, plan, revision, actor, memo, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            Plan set = await funding.SetPlanAsync(new SetPlanRequest
            {
                County = parsed.GetRequiredValue(county),
                Year = parsed.GetRequiredValue(year),
                PlanFen = parsed.GetRequiredValue(plan),
                Revision = parsed.GetRequiredValue(revision),
                Actor = parsed.GetRequiredValue(actor),
                Memo = parsed.GetRequiredValue(memo),
            }, options);
            return Show([set], parsed.GetValue(json));
        }, cancel));
        return command;
    }

    private static Command ShowPlans()
    {
        Option<int> year = FundingOptions.Year("Year of the visits");
        Option<bool> json = CommonOptions.Json();
        Command command = new("show",
            "Every county's plan of a year, what has been spent of it, and the threshold that is reached") { year, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
            Show((await funding.ListPlansAsync(new ListPlansRequest { Year = parsed.GetRequiredValue(year) }, options)).Plans,
                parsed.GetValue(json)), cancel));
        return command;
    }

    private static int Show(IReadOnlyCollection<Plan> plans, bool json)
    {
        if (json)
        {
            Output.WriteJson(new
            {
                Plans = plans.Select(plan => new
                {
                    plan.County,
                    plan.Name,
                    plan.Year,
                    plan.Revision,
                    plan.PlanFen,
                    plan.SpentFen,
                    plan.UsedBasisPoints,
                    plan.WarningPercent,
                    plan.Actor,
                    plan.Memo,
                    plan.SetAt,
                }),
            });
            return ExitCodes.Done;
        }

        Output.Table(["county 县（市、区）", "", ">plan 年度计划", ">spent 已支出", ">used 进度", ">warning 预警", ">revision 版次", "by 经办", "memo 摘要"],
            plans.Select(plan => new[]
        {
            plan.County, plan.Name, Output.Yuan(plan.PlanFen), Output.Yuan(plan.SpentFen),
            string.Create(CultureInfo.InvariantCulture, $"{plan.UsedBasisPoints / 100m:0.00}%"),
            plan.WarningPercent > 0 ? $"≥{plan.WarningPercent}%" : "", FundingOptions.Number(plan.Revision), plan.Actor, plan.Memo,
        }));
        return ExitCodes.Done;
    }
}
