using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Claims.Policy;
using Spectre.Console;

namespace Claims.Cli.Commands;

/// <summary><c>claims policy check|show|contribution|subsidy</c>: reads the YAML files, needs no running system.</summary>
public static class PolicyCommands
{
    private const string DefaultCity = "zhengzhou";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create() => new("policy", "Look at the policy parameters and check them")
    {
        CreateCheck(), CreateShow(), CreateContribution(), CreateSubsidy(),
    };

    private static Command CreateCheck()
    {
        Argument<string> directory = new("directory") { Description = "Directory of the YAML files", DefaultValueFactory = _ => FindDirectory() };
        Option<bool> json = JsonOption();
        Command command = new("check", "Read every city's files strictly, and compare them with the province's floors") { directory, json };
        command.SetAction(parsed => Run(() => Check(parsed.GetRequiredValue(directory), parsed.GetValue(json))));
        return command;
    }

    private static Command CreateShow()
    {
        Option<DateOnly> on = new("--on")
        {
            Description = "Day of the visit, yyyy-MM-dd",
            Required = true,
            CustomParser = argument =>
            {
                if (DateOnly.TryParseExact(argument.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)) return day;
                argument.AddError($"'{argument.Tokens[0].Value}' is not a date of the form yyyy-MM-dd.");
                return default;
            },
        };
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("show", "Show what is in force on a day, with the source of every value") { on, city, directory, json };
        command.SetAction(parsed => Run(() => ShowOn(Load(parsed, directory, city), parsed.GetRequiredValue(on), parsed.GetValue(json))));
        return command;
    }

    private static Command CreateContribution()
    {
        Option<int> year = new("--year") { Description = "Plan year", Required = true };
        Option<string> category = new("--category") { Description = "Category of the insured", DefaultValueFactory = _ => "general" };
        Option<string> county = new("--county") { Description = "6-digit code of the county of enrolment", Required = true };
        (Option<string> directory, Option<string> city, Option<bool> json) = PackOptions();
        Command command = new("contribution", "What a person pays for a plan year, and who pays the rest") { year, category, county, city, directory, json };
        command.SetAction(parsed => Run(() =>
        {
            ContributionQuote quote = Load(parsed, directory, city).QuoteContribution(parsed.GetRequiredValue(year), parsed.GetRequiredValue(category), parsed.GetRequiredValue(county));
            if (parsed.GetValue(json))
            {
                Print(new
                {
                    planYear = quote.PlanYear,
                    category = quote.Category,
                    county = quote.CountyCode,
                    standardFen = quote.StandardFen,
                    selfFen = quote.SelfFen,
                    cityAidFen = quote.CityAidFen,
                    countyAidFen = quote.CountyAidFen,
                    sources = quote.Sources,
                });
                return 0;
            }

            Table table = TableOf("每人每年", "金额");
            AddRow(table, "个人缴费标准", Show.Yuan(quote.StandardFen));
            AddRow(table, "个人缴纳", Show.Yuan(quote.SelfFen));
            AddRow(table, "市级财政资助", Show.Yuan(quote.CityAidFen));
            AddRow(table, "区县（市）财政资助", Show.Yuan(quote.CountyAidFen));
            AnsiConsole.Write(table);
            AnsiConsole.WriteLine(string.Join("; ", quote.Sources));
            return 0;
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
                Print(new
                {
                    year = parsed.GetRequiredValue(year),
                    county = parsed.GetRequiredValue(county),
                    totalFen,
                    centralFen = subsidy.CentralFen,
                    provinceFen = subsidy.ProvinceFen,
                    cityFen = subsidy.CityFen,
                    countyFen = subsidy.CountyFen,
                    remainder = subsidy.Remainder,
                    source = subsidy.Source,
                    ruling = subsidy.Ruling,
                });
                return 0;
            }

            Table table = TableOf("每人每年", "金额");
            AddPart(table, "中央财政", subsidy.CentralFen);
            AddPart(table, "省财政", subsidy.ProvinceFen);
            AddPart(table, "市财政", subsidy.CityFen);
            AddPart(table, "区县（市）财政", subsidy.CountyFen);
            if (subsidy.Remainder is not null) AddRow(table, "其余", subsidy.Remainder);
            AddRow(table, "合计", Show.Yuan(totalFen));
            AnsiConsole.Write(table);
            AnsiConsole.WriteLine(subsidy.Source);
            return 0;
        }));
        return command;
    }

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

        faults.AddRange(read.SelectMany(city => city.Floors).Where(check => !check.Holds).Select(check => $"{check.What}: {check.City}, the province asks {check.Province} ({check.Source})."));
        if (json)
        {
            Print(new
            {
                ok = faults.Count == 0,
                faults,
                cities = read.Select(city => new { city = city.Pack.City, hash = city.Pack.Hash, periods = city.Pack.Outpatient.Select(period => period.PolicyId), incomplete = city.Pack.OutpatientIncomplete, floorsChecked = city.Floors.Length }),
            });
        }
        else
        {
            foreach ((PolicyPack pack, FloorCheck[] floors) in read)
            {
                string periods = pack.OutpatientIncomplete ?? $"{pack.Outpatient.Length} outpatient periods, {floors.Length} provincial floors compared";
                AnsiConsole.WriteLine($"{pack.City}: {periods}, hash {pack.Hash}");
            }
        }

        foreach (string fault in faults) Console.Error.WriteLine(fault);
        return faults.Count == 0 ? 0 : 1;
    }

    private static int ShowOn(PolicyPack pack, DateOnly day, bool json)
    {
        if (pack.OutpatientIncomplete is { } reason) throw new PolicyException($"{pack.City}: {reason}.");
        OutpatientPolicy policy = pack.OutpatientOn(day) ?? throw new PolicyException($"No outpatient policy of {pack.City} is in force on {day:yyyy-MM-dd}: its first day is {pack.Outpatient[0].From:yyyy-MM-dd}{(pack.Outpatient[^1].To is { } last ? $", its last {last:yyyy-MM-dd}" : "")}.");
        CoverageRules coverage = pack.CoverageFor(day.Year) ?? throw new PolicyException($"No rules of coverage of {pack.City} are in hand for plan year {day.Year}.");
        if (json)
        {
            Print(new
            {
                city = pack.City,
                hash = pack.Hash,
                policyId = policy.PolicyId,
                from = policy.From,
                to = policy.To,
                annualCapFen = policy.AnnualCapFen,
                tiers = new { province3A = policy.Province3A, other = policy.Other, grassroots = policy.Grassroots },
                pooledVisitTypes = Sorted(policy.PooledVisitTypes),
                fixedAllowanceFen = Sorted(policy.FixedAllowanceFen),
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
            return 0;
        }

        Table table = TableOf("项目", "数值", "依据", "裁定");
        AddCited(table, "年度最高支付限额", Show.Yuan(policy.AnnualCapFen.Value), policy.AnnualCapFen);
        AddTier(table, "省级三级甲等", policy.Province3A);
        AddTier(table, "省市县其他等级", policy.Other);
        AddTier(table, "基层", policy.Grassroots);
        foreach ((string type, string source) in Sorted(policy.PooledVisitTypes)) AddRow(table, $"普通门诊统筹 {type}", "纳入", source, "");
        foreach ((string type, Cited<long> allowance) in Sorted(policy.FixedAllowanceFen)) AddCited(table, $"生育医疗补助 {type}", Show.Yuan(allowance.Value), allowance);
        if (coverage.WaitingDays is { } waiting) AddCited(table, "当年缴费的等待期", $"{waiting.Value}天", waiting);
        AddCited(table, "转移接续的期限", $"{coverage.TransferMonths.Value}个月", coverage.TransferMonths);
        AddCited(table, "转移接续的待遇起始", coverage.TransferCoveredAfterDays.Value == 0 ? "缴费当日" : $"缴费后第{coverage.TransferCoveredAfterDays.Value}天", coverage.TransferCoveredAfterDays);
        foreach ((string category, string source) in Sorted(coverage.ExemptCategories)) AddRow(table, $"不设等待期 {category}", "", source, "");
        AddRow(table, "新生儿", "自出生之日", coverage.NewbornSource, "");
        foreach ((string county, string source) in Sorted(pack.CountiesOutsidePooling)) AddRow(table, $"统筹区外 {county}", pack.Counties[county].Name, source, "");
        AnsiConsole.WriteLine($"{policy.PolicyId}  {pack.Hash}");
        AnsiConsole.Write(table);
        return 0;
    }

    private static int Run(Func<int> command)
    {
        try
        {
            return command();
        }
        catch (PolicyException exception)
        {
            foreach (string fault in exception.Faults) Console.Error.WriteLine(fault);
            return 1;
        }
    }

    private static PolicyPack Load(ParseResult parsed, Option<string> directory, Option<string> city) =>
        PolicyLoader.Load(parsed.GetRequiredValue(directory), parsed.GetRequiredValue(city));

    private static (Option<string> Directory, Option<string> City, Option<bool> Json) PackOptions() =>
    (
        new("--directory") { Description = "Directory of the YAML files", DefaultValueFactory = _ => FindDirectory() },
        new("--city") { Description = "Whose policy", DefaultValueFactory = _ => DefaultCity },
        JsonOption()
    );

    private static Option<bool> JsonOption() => new("--json") { Description = "Answer as JSON, amounts in fen" };

    // The repository's own, from wherever in it the command is run, else from where the program lies in it.
    private static string FindDirectory()
    {
        foreach (string start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                string candidate = Path.Combine(at.FullName, "policy");
                if (File.Exists(Path.Combine(candidate, "rulings.yaml"))) return candidate;
            }
        }

        return "policy";
    }

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> values) => new(values.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);

    private static Table TableOf(params string[] columns) => new Table().AddColumns(columns);

    private static void AddRow(Table table, params string[] cells) => table.AddRow([.. cells.Select(cell => new Text(cell))]);

    private static void AddPart(Table table, string name, long? fen)
    {
        if (fen is { } amount) AddRow(table, name, Show.Yuan(amount));
    }

    private static void AddCited<T>(Table table, string name, string value, Cited<T> cited) => AddRow(table, name, value, cited.Source, cited.Ruling ?? "");

    private static void AddTier(Table table, string name, TierTerms terms)
    {
        AddCited(table, $"{name} 支付比例", Show.Percent(terms.RateBasisPoints.Value), terms.RateBasisPoints);
        AddCited(table, $"{name} 起付标准", terms.DeductibleFen.Value == 0 ? "不设" : Show.Yuan(terms.DeductibleFen.Value), terms.DeductibleFen);
    }

    private static void Print(object answer) => Console.Out.WriteLine(JsonSerializer.Serialize(answer, Json));
}
