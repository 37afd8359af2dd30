using System.CommandLine;
using Claims.Cli.LocalSystem;
using Claims.Policy;

namespace Claims.Cli.Commands;

/// <summary><c>claims policy check|show|contribution|subsidy</c> read the YAML files and need no running system; <c>impact</c> reads the
/// books too.</summary>
public static partial class PolicyCommand
{
    public static Command Create() => new("policy", "Look at the policy parameters, and check them.")
    {
        CreateCheck(), CreateShow(), CreateTry(), CreateContribution(), CreateSubsidy(), CreateImpact(),
    };

    private static Command CreateCheck()
    {
        Argument<string> directory = new(
            "directory")
        { Description = "Directory of the YAML files.", DefaultValueFactory = _ => Repository.PolicyDirectory };
        Option<bool> json = CommonOptions.Json();
        Command command = new("check", "Read every city's files strictly, and compare them with the province's floors") { directory, json };
        command.SetAction(parsed => Run(() => Check(parsed.GetRequiredValue(directory), parsed.GetValue(json))));
        return command;
    }

    private static Command CreateShow()
    {
        Option<DateOnly> on = CommonOptions.Day("--on", "Day of the visit, yyyy-MM-dd");
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("show", "Show what is in force on a day, with the source of every value") { on, city, directory, json };
        command.SetAction(parsed => Run(() => ShowOn(Load(parsed, directory, city), parsed.GetRequiredValue(on), parsed.GetValue(json))));
        return command;
    }

    private static Command CreateContribution()
    {
        Option<int> year = new("--year") { Description = "Plan year", Required = true };
        Option<string> category = new("--category") { Description = "Category of the insured", DefaultValueFactory = _ => "general" };
        Option<string> county = new("--county")
        {
            Description = "6-digit code of the county of enrolment; not asked for where the city's counties are not in hand",
            DefaultValueFactory = _ => "",
        };
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("contribution",
            "What a person pays for a plan year, and who pays the rest") { year, category, county, city, directory, json };
        command.SetAction(parsed => Run(() =>
        {
            ContributionQuote quote = Load(parsed, directory, city)
                .QuoteContribution(parsed.GetRequiredValue(year), parsed.GetRequiredValue(category), parsed.GetRequiredValue(county));
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    planYear = quote.PlanYear,
                    category = quote.Category,
                    county = quote.CountyCode,
                    standardFen = quote.StandardFen,
                    selfFen = quote.SelfFen,
                    aidFen = quote.AidFen,
                    cityAidFen = quote.CityAidFen,
                    countyAidFen = quote.CountyAidFen,
                    payersNotInHand = quote.PayersNotInHand,
                    sources = quote.Sources,
                });
                return ExitCodes.Done;
            }

            Output.Table(["每人每年", ">金额"],
            [
                ["个人缴费标准", Show.Yuan(quote.StandardFen)],
                ["个人缴纳", Show.Yuan(quote.SelfFen)],
                .. quote.PayersNotInHand is null
                    ? (string[][])
                    [
                        ["市级财政资助", Show.Yuan(quote.CityAidFen!.Value)], ["区县（市）财政资助", Show.Yuan(quote.CountyAidFen!.Value)],
                    ]
                    : [["财政资助", Show.Yuan(quote.AidFen)]],
            ]);
            if (quote.PayersNotInHand is { } unknown) Output.Line(unknown);
            foreach (string source in quote.Sources) Output.Line(source);
            return ExitCodes.Done;
        }));
        return command;
    }

    private static Command CreateSubsidy()
    {
        Option<int> year = new("--year") { Description = "Calendar year", Required = true };
        Option<string> county = new("--county") { Description = "6-digit county code, or a class such as city_college", Required = true };
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("subsidy", "Who subsidises a head in a year, and with how much") { year, county, city, directory, json };
        command.SetAction(parsed => Run(() =>
        {
            PolicyPack pack = Load(parsed, directory, city);
            Subsidy subsidy = pack.SubsidyFor(parsed.GetRequiredValue(year), parsed.GetRequiredValue(county));
            long totalFen = pack.Subsidies[parsed.GetRequiredValue(year)].TotalFen!.Value.Value;
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    year = parsed.GetRequiredValue(year),
                    county = parsed.GetRequiredValue(county),
                    totalFen,
                    centralFen = subsidy.CentralFen,
                    provinceFen = subsidy.ProvinceFen,
                    cityFen = subsidy.CityFen,
                    countyFen = subsidy.CountyFen,
                    remainder = subsidy.Remainder,
                    remainderFen = RemainderOf(subsidy, totalFen),
                    source = subsidy.Source,
                    ruling = subsidy.Ruling,
                });
                return ExitCodes.Done;
            }

            (string Payer, long? Fen)[] parts =
                [("中央财政", subsidy.CentralFen), ("省财政", subsidy.ProvinceFen), ("市财政", subsidy.CityFen), ("区县（市）财政", subsidy.CountyFen),
                ("其余", RemainderOf(subsidy, totalFen)), ("合计", totalFen)];
            Output.Table(["每人每年", ">金额"],
                parts.Where(part => part.Fen is not null).Select(part => new[] { part.Payer, Show.Yuan(part.Fen!.Value) }));
            if (subsidy.Remainder is not null) Output.Line(subsidy.Remainder);
            Output.Line(subsidy.Ruling is null ? subsidy.Source : $"{subsidy.Source}（裁定 {subsidy.Ruling}）");
            return ExitCodes.Done;
        }));
        return command;
    }

    /// <summary>What comes from elsewhere by rules that are not known; null where nothing does.</summary>
    private static long? RemainderOf(Subsidy subsidy, long totalFen) => subsidy.Remainder is null
        ? null
        : totalFen - (subsidy.CentralFen ?? 0) - (subsidy.ProvinceFen ?? 0) - (subsidy.CityFen ?? 0) - (subsidy.CountyFen ?? 0);

    private static int Check(string directory, bool json)
    {
        List<string> faults = [];
        List<(PolicyPack Pack, FloorCheck[] Floors)> read = [];
        foreach (string city in PolicyLoader.Cities(directory))
        {
            try
            {
                PolicyPack pack = PolicyLoader.Load(directory, city);
                read.Add((pack, [.. pack.CheckAgainstFloors()]));
            }
            catch (PolicyException exception)
            {
                // The files that cities share would be named once for each of them.
                faults.AddRange(exception.Faults.Where(fault => !faults.Contains(fault, StringComparer.Ordinal)));
            }
        }

        faults.AddRange(read.SelectMany(city => city.Floors).Where(check => check.Holds == false)
            .Select(check => $"{check.What}: {check.City}, the province asks {check.Province} ({check.Source})."));
        if (json)
        {
            Output.WriteJson(new
            {
                ok = faults.Count == 0,
                faults,
                cities = read.Select(city => new
                {
                    city = city.Pack.City,
                    hash = city.Pack.Hash,
                    periods = city.Pack.Outpatient.Select(period => period.PolicyId),
                    incomplete = city.Pack.OutpatientIncomplete,
                    floorsChecked = city.Floors.Count(check => check.Holds is not null),
                    floorsNotCompared = city.Floors.Where(check => check.Holds is null)
                        .Select(check => new { what = check.What, why = check.City, province = check.Province, source = check.Source }),
                }),
            });
        }
        else
        {
            foreach ((PolicyPack pack, FloorCheck[] floors) in read)
            {
                int compared = floors.Count(check => check.Holds is not null);
                string periods = pack.OutpatientIncomplete
                    ?? $"{pack.Outpatient.Length} outpatient periods, {compared} provincial floors compared";
                Output.Line($"{pack.City}: {periods}, hash {pack.Hash}");
                foreach (FloorCheck check in floors.Where(check => check.Holds is null))
                    Output.Line($"  {check.What}: {check.City}（{check.Province}，{check.Source}）");
            }
        }

        foreach (string fault in faults) Output.Error(fault);
        return faults.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static int ShowOn(PolicyPack pack, DateOnly day, bool json)
    {
        if (pack.OutpatientIncomplete is { } reason) throw new PolicyException($"{pack.City}: {reason}.");
        OutpatientPolicy policy = pack.OutpatientOn(day)
            ?? throw new PolicyException($"No outpatient policy of {pack.City} is in force on {day:yyyy-MM-dd}: its first day "
            + $"is {pack.Outpatient[0].From:yyyy-MM-dd}{(pack.Outpatient[^1].To is { } last ? $", its last {last:yyyy-MM-dd}" : "")}.");
        CoverageRules coverage = pack.CoverageFor(day.Year)
            ?? throw new PolicyException($"No rules of coverage of {pack.City} are in hand for plan year {day.Year}.");
        if (json)
        {
            Output.WriteJson(new
            {
                city = pack.City,
                hash = pack.Hash,
                policyId = policy.PolicyId,
                from = policy.From,
                to = policy.To,
                outpatient = Data(policy),
                sections = Notice.Of(policy).Select(section => new
                {
                    title = section.Title,
                    lines = section.Lines.Select(line => new { item = line.Item, value = line.Value, source = line.Source }),
                }),
                coverage = new
                {
                    waitingDays = coverage.WaitingDays,
                    transferMonths = coverage.TransferMonths,
                    transferCoveredAfterDays = coverage.TransferCoveredAfterDays,
                    exemptCategories = Sorted(coverage.ExemptCategories),
                    newbornSource = coverage.NewbornSource,
                },
                countiesOutsidePooling = Sorted(pack.CountiesOutsidePooling),
            });
            return ExitCodes.Done;
        }

        Output.Line($"{policy.PolicyId}  {pack.Hash}");
        foreach (NoticeSection section in Notice.Of(policy))
        {
            Output.Line(section.Title);
            Output.Table(["项目", "数值", "依据"], section.Lines.Select(line => new[] { line.Item, line.Value, line.Source }));
        }

        Output.Line("参保与待遇期");
        Output.Table(["项目", "数值", "依据"],
            [.. CoverageRows(coverage),
            .. Sorted(pack.CountiesOutsidePooling).Select(county => new[] { "统筹区外", pack.Counties[county.Key].Name, county.Value })]);
        return ExitCodes.Done;
    }

    private static IEnumerable<string[]> CoverageRows(CoverageRules coverage)
    {
        if (coverage.WaitingDays is { } waiting) yield return Row("当年缴费等待期", $"{waiting.Value}天", waiting);
        yield return Row("转移接续期限", $"{coverage.TransferMonths.Value}个月", coverage.TransferMonths);
        yield return Row("转移接续享受待遇", coverage.TransferCoveredAfterDays.Value == 0
            ? "缴费当日"
            : $"缴费后{coverage.TransferCoveredAfterDays.Value}天", coverage.TransferCoveredAfterDays);
        foreach ((string category, string source) in Sorted(coverage.ExemptCategories)) yield return [category, "无等待期", source];
        yield return ["新生儿", "自出生之日", coverage.NewbornSource];
    }

    private static string[] Row<T>(string name, string value, Cited<T> cited) =>
        [name, value, cited.Ruling is null ? cited.Source : $"{cited.Source}（裁定 {cited.Ruling}）"];

    private static int Run(Func<int> command)
    {
        try
        {
            return command();
        }
        catch (PolicyException exception)
        {
            foreach (string fault in exception.Faults) Output.Error(fault);
            return ExitCodes.Failed;
        }
    }

    private static PolicyPack Load(ParseResult parsed, Option<string> directory, Option<string> city) =>
        PolicyLoader.Load(parsed.GetRequiredValue(directory), parsed.GetRequiredValue(city));

    private static (Option<string> Directory, Option<string> City, Option<bool> Json) PackOptions() =>
    (
        new("--directory") { Description = "Directory of the YAML files.", DefaultValueFactory = _ => Repository.PolicyDirectory },
        new("--city") { Description = "Whose policy", DefaultValueFactory = _ => CityPolicy.DefaultCity },
        CommonOptions.Json()
    );

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> values) =>
        new(values.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);
}
