using System.Globalization;
using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>What a reader looks up is what the code has: columns and values of files, keys of operations, exit codes, commands, options and
/// alerts that exist are named, and those named exist.</summary>
public sealed class ReferenceTests
{
    private const string Files = "docs/files.md";
    private const string Import = "services/Eligibility/Import/";

    private static readonly Lazy<string> Handbook = new(() => string.Join('\n', Sources.Under("", ".md").Select(Sources.Text)));

    [Theory]
    [InlineData("Facilities", Import + "FacilityFile.cs")]
    [InlineData("Insured", Import + "InsuredFile.cs")]
    [InlineData("Catalogue", Import + "CatalogueFile.cs")]
    public void Columns_of_an_imported_file_are_those_that_are_read(string section, string code)
    {
        string[] read = [.. Words(Sources.Text(code), "new\\(\"(?<word>\\w+)\", NpgsqlDbType")];
        Assert.Equal(read.Order(StringComparer.Ordinal), Named(Section(section), "column"));
        Assert.Equal(read, Section(section).Split('\n').First(line => line.StartsWith('`')).Split('`').Where((_, index) => index % 2 == 1)
            .SelectMany(list => list.Split(',')));
    }

    [Fact]
    public void Columns_of_a_hospitals_books_are_those_that_are_read()
    {
        string code = Sources.Text("cli/Reconciliation/FacilityFile.cs");
        string columns = code[code.IndexOf(" Columns =", StringComparison.Ordinal)..];
        Assert.Equal(
            Words(columns[..columns.IndexOf("];", StringComparison.Ordinal)], "\"(?<word>\\w+)\"").Order(StringComparer.Ordinal),
            Named(Section("A hospital's books"), "column"));
    }

    [Fact]
    public void Columns_of_a_statement_are_those_that_are_written()
    {
        string code = Sources.Text("cli/Statements/StatementColumns.cs");
        Assert.Equal(
            Words(code[code.IndexOf(" Lines {", StringComparison.Ordinal)..], "new\\(\"\\w+\", \"\", \"(?<word>[^\"]+)\"")
                .Order(StringComparer.Ordinal),
            Named(Section("The statement's CSV"), "column"));
    }

    [Fact]
    public void Values_of_a_column_are_those_that_are_read()
    {
        Assert.Equal(
            Words(Sources.Text(Import + "FacilityFile.cs"), "\\[\"(?<word>\\w+)\"\\] = AdminLevel").Order(StringComparer.Ordinal),
            Named(Section("Facilities"), "`admin_level`"));
        Assert.Equal(
            Words(Sources.Text("services/Eligibility/Enrolment/EndCauses.cs"), "(\\[|Duplicate = )\"(?<word>\\w+)\"")
                .Order(StringComparer.Ordinal),
            Named(Section("Insured"), "`end_cause`"));
        string scheme = Row(Section("Insured"), "column", "scheme");
        Assert.All(Words(Sources.Text(Import + "InsuredFile.cs"), "(?<=Schemes = \\[.*)\"(?<word>\\w+)\""),
            word => Assert.Contains($"`{word}`", scheme, StringComparison.Ordinal));
        Assert.Equal(
            Words(Sources.Text(Import + "CatalogueFile.cs"), "\\[\"(?<word>.)\"\\] = ItemClass"),
            Words(Row(Section("Catalogue"), "column", "class").Split('|')[2], "(?<word>\\p{Lo})"));
    }

    [Fact]
    public void Categories_and_classes_are_those_of_the_policy()
    {
        string coverage = Sources.Text("policy/zhengzhou-coverage.yaml");
        string[] parts = coverage.Split("categories_without_waiting:");
        IEnumerable<string> waits =
            Words(parts[0][parts[0].IndexOf("categories_with_waiting:", StringComparison.Ordinal)..], "- (?<word>\\w+)");
        string[] exempt = [.. Words(parts[1], "(?m)^      (?<word>\\w+):$")];
        Assert.Equal(waits.Concat(exempt).Order(StringComparer.Ordinal), Named(Section("Insured"), "`category`"));
        Assert.All(exempt, category =>
            Assert.EndsWith("| none |", Row(Section("Insured"), "`category`", category), StringComparison.Ordinal));

        string outpatient = Sources.Text("policy/zhengzhou-outpatient.yaml");
        string grassroots = outpatient[outpatient.IndexOf("  grassroots:", StringComparison.Ordinal)..];
        IEnumerable<string> levels = Words(grassroots.Split('\n').First(line => line.Contains("admin_level", StringComparison.Ordinal)),
            "(?<word>\\w+)(?=[,\\]])");
        Assert.Equal(levels.Order(StringComparer.Ordinal), Named(Section("Facilities"), "`admin_level`")
            .Where(level => LevelRow(level).Contains("`grassroots`", StringComparison.Ordinal)));
        Assert.Contains("`province_3a`", LevelRow("province"), StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_and_fields_of_operations_are_those_of_the_contract()
    {
        string section = Section("Operations");
        IEnumerable<string> keys = Words(
            Words(Sources.Text("cli/Operations/OperationFile.cs"), "is none of (?<word>[\\w, ]+)").Single(), "(?<word>\\w+)");
        Assert.Equal(keys.Order(StringComparer.Ordinal), Named(section, "key"));

        string contract = Sources.Text("protos/claims/v1/adjudication.proto");
        string[] messages =
            ["SettleRequest", "FeeLine", "CancelRequest", "ReverseRequest", "GetSettlementRequest", "GetAccumulatorsRequest"];
        string[] fields =
        [
            .. messages.SelectMany(message => Words(
                Words(contract, $"(?s)message {message} (?<word>\\{{.*?\n?\\}})(?=\n)").Single(),
                "(string|int64|int32|FeeLine|VisitType) (?<word>\\w+) = \\d+;")).Select(Camel).Distinct(),
        ];
        IEnumerable<string> named = Words(section, "`(?<word>[a-z]+[A-Z]\\w*|lines|year)`").Distinct();
        Assert.Equal(fields.Order(StringComparer.Ordinal), named.Except(keys).Order(StringComparer.Ordinal));
        Assert.All(Words(contract[..contract.IndexOf("message ", StringComparison.Ordinal)], "(?m)^  (?<word>[A-Z_]+) = [1-9];"),
            type => Assert.Contains($"`{type}`", Row(section, "field", "visitType"), StringComparison.Ordinal));
    }

    [Fact]
    public void Exit_codes_of_the_command_and_of_the_services_are_in_the_operations_page()
    {
        string[] sections = Sources.Text("docs/operations.md").Split("\n## ");
        Assert.Equal(
            Words(Sources.Text("cli/CommandException.cs"), "const int \\w+ = (?<word>\\d+);").Select(Number).Order(),
            Codes(sections.Single(section => section.StartsWith("The command\n", StringComparison.Ordinal))));
        Assert.Equal(
            Words(Sources.Text("libs/Hosting/ServiceHost.cs"), "const int Exit\\w+ = (?<word>\\d+);").Select(Number).Append(0).Order(),
            Codes(sections.Single(section => section.StartsWith("Starting and stopping\n", StringComparison.Ordinal))));
    }

    [Fact]
    public void Every_option_of_the_command_is_named_and_every_one_named_exists()
    {
        string[] exist =
        [
            .. Sources.Under("cli/Commands/", ".cs").Concat(Sources.Under("load-tests/", ".cs"))
                .Where(file => !file.EndsWith("BrokerCommand.cs", StringComparison.Ordinal))
                .SelectMany(file => Words(Sources.Text(file), "\\(\\s*\"(?<word>--[a-z][a-z-]*)\"")).Distinct(),
        ];
        Assert.Contains("--dry-run", exist);
        Assert.Empty(exist.Except(Words(Handbook.Value, "(?<![\\w-])(?<word>--[a-z][a-z-]*)")));
        Assert.Empty(OptionsNamed(Handbook.Value).Except(exist).Except(["--help", "--version"]));
    }

    [Theory]
    [InlineData("`./claims send FILE --out F --lost N`", "--out --lost")]
    [InlineData("./claims up --detach && deploy/grafana/check --other", "--detach")]
    [InlineData("./claims ledger verify --json \\\n  --at X   # --no", "--json --at")]
    [InlineData("kubectl scale --replicas=0; `claims pay run --dry-run`", "--dry-run")]
    public void Options_are_read_from_what_is_typed(string text, string options) =>
        Assert.Equal(options.Split(' '), OptionsNamed(text));

    [Fact]
    public void Every_command_is_named_in_both_readmes()
    {
        string tree = Sources.Text("cli/Commands/CommandTree.cs");
        string[] commands =
        [
            .. Words(tree, "\\(\"(?<word>\\w+)\", ").Except(["broker"]),
            .. Words(tree, "(?<word>\\w+)Command\\.Create\\(").Except(["Instrument"]).Select(name => name.ToLowerInvariant()),
        ];
        Assert.True(commands.Length > 20, string.Join(' ', commands));
        foreach (string readme in (string[])["README.md", "README.zh-CN.md"])
        {
            string table = Sources.Text(readme);
            Assert.All(commands, command => Assert.Matches($@"\| [^|]*`(\./claims )?{command}\b", table));
        }
    }

    [Fact]
    public void Every_alert_that_a_page_names_exists()
    {
        string[] alerts = [.. Words(Sources.Text("deploy/prometheus/claims.rules.yml"), "alert: (?<word>\\w+)")];
        string[] named = [.. Words(Handbook.Value, "\\b(?<word>Claims[A-Z][A-Za-z]+)\\b(?!\\.)").Distinct()];
        Assert.True(named.Length > 20, string.Join(' ', named));
        Assert.Empty(named.Except(alerts));
    }

    private static IEnumerable<string> OptionsNamed(string text) => Regex
        .Matches(text.Replace("\\\n", " ", StringComparison.Ordinal), "(\\./|`|\\b)claims (?<rest>[^`\n#]*)", RegexOptions.ExplicitCapture)
        .Select(typed => typed.Groups["rest"].Value.Split(" && ")[0].Split(" | ")[0])
        .SelectMany(typed => Words(typed, "(?<![\\w-])(?<word>--[a-z][a-z-]*)")).Distinct();

    private static string Section(string heading) => Sources.Text(Files).Split("\n## ")
        .Single(section => section.StartsWith(heading + "\n", StringComparison.Ordinal));

    /// <summary>What stands between backticks in the first column.</summary>
    private static IOrderedEnumerable<string> Named(string section, string header) =>
        Rows(section, header).SelectMany(row => Words(row.First, "`(?<word>[^`]+)`")).Order(StringComparer.Ordinal);

    private static string Row(string section, string header, string name) =>
        Rows(section, header).Single(row => row.First == $"`{name}`").Line;

    /// <summary>Of the tables of a section whose header begins so.</summary>
    private static IEnumerable<(string First, string Line)> Rows(string section, string header)
    {
        string before = "";
        bool wanted = false;
        foreach (string line in section.Split('\n'))
        {
            string first = line.StartsWith('|') ? line.Split('|')[1].Trim() : "";
            if (first.Length > 0 && before.Length == 0) wanted = first == header;
            else if (first.Length > 0 && wanted) yield return (first, line);
            before = first;
        }
    }

    private static string LevelRow(string level) => Row(Section("Facilities"), "`admin_level`", level);

    private static IOrderedEnumerable<int> Codes(string section) => section.Split('\n')
        .SkipWhile(line => !line.StartsWith("| exit code |", StringComparison.Ordinal)).TakeWhile(line => line.StartsWith('|'))
        .SelectMany(line => Words(line.Split('|')[1], "(?<word>\\d+)")).Select(Number).Order();

    private static int Number(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);

    private static string Camel(string snake) =>
        Regex.Replace(snake, "_(?<letter>\\w)", match => match.Value[1..].ToUpperInvariant(), RegexOptions.ExplicitCapture);

    private static IEnumerable<string> Words(string text, string pattern) =>
        Regex.Matches(text, pattern, RegexOptions.ExplicitCapture).Select(match => match.Groups["word"].Value);
}
