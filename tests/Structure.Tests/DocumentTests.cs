using System.Text.RegularExpressions;

namespace Structure.Tests;

/// <summary>What the documents name exists: pages, sections, files, settings, metrics, commands.</summary>
public sealed class DocumentTests
{
    private static readonly Lazy<string> Code =
        new(() => TextOf([.. Sources.Under("services/", ".cs", ".sql"), .. Sources.Under("libs/", ".cs")]));

    private static readonly Lazy<HashSet<string>> Settings = new(() => Words(
        TextOf(Sources.Under("", ".cs").Where(file => file.EndsWith("Settings.cs", StringComparison.Ordinal))),
        @"public [\w<>?, ]+ (?<word>\w+) \{ get;"));

    // new("up", …), InstrumentCommand.Create("bench", …), Of("facilities", …)
    private static readonly Lazy<HashSet<string>> Commands = new(() => Words(
        TextOf(Sources.Under("cli/Commands/", ".cs")), "\\b(new|Create|Of)\\(\\s*\"(?<word>[a-z][a-z-]*)\","));

    [Fact]
    public void Every_link_and_anchor_resolves()
    {
        Dictionary<string, Document> documents = Sources.Under("", ".md")
            .ToDictionary(page => page, page => new Document(page, Sources.Text(page)), StringComparer.Ordinal);
        Document nothing = new("", "");
        Assert.NotEmpty(documents);
        Assert.Empty(documents.Values.SelectMany(document => document.Broken(
            path => documents.GetValueOrDefault(path) ?? (Sources.Exists(path) ? nothing : null))));
    }

    [Theory]
    [InlineData("[a](missing.md)", "docs/a.md: missing.md")]
    [InlineData("[a](../docs/b.md#the-funds-money)", null)]
    [InlineData("[a](b.md#the-fund)", "docs/a.md: b.md#the-fund")]
    [InlineData("[a](#own)", "docs/a.md: #own")]
    [InlineData("## Own `name`, 基金\n[a](#own-name-基金)", null)]
    [InlineData("## Own\n## Own\n[a](#own-1)", null)]
    [InlineData("`[a](missing.md)`, [b](https://example.org/c)", null)]
    [InlineData("```\n[a](missing.md)\n```", null)]
    public void A_link_that_leads_nowhere_is_found(string text, string? broken)
    {
        Document other = new("docs/b.md", "# The fund's money\n");
        IEnumerable<string> found = new Document("docs/a.md", text).Broken(path => path == "docs/b.md" ? other : null);
        Assert.Equal(broken is null ? [] : [broken], found);
    }

    [Fact]
    public void Every_path_that_a_page_names_exists() => Assert.Empty(Unknown(NamedPaths, Sources.Exists));

    [Theory]
    [InlineData("`services/Ledger/migrations`", "services/Ledger/migrations", true)]
    [InlineData("`libs/Rules/FeeLines.cs`, some lines", "libs/Rules/FeeLines.cs", true)]
    [InlineData("`services/Adjudication/Missing.cs`", "services/Adjudication/Missing.cs", false)]
    public void A_path_that_does_not_exist_is_found(string text, string path, bool exists)
    {
        Assert.Equal([path], NamedPaths(text));
        Assert.Equal(exists, Sources.Exists(path));
    }

    [Fact]
    public void Every_setting_that_a_page_names_exists() => Assert.Empty(Unknown(text => Named(text, @"Claims__\w+"), IsSetting));

    [Fact]
    public void Every_metric_and_role_that_a_page_names_exists() =>
        Assert.Empty(Unknown(text => Named(new Document("", text).Prose, @"\bclaims_\w+"), IsInCode));

    [Fact]
    public void Every_command_that_a_page_an_alert_or_a_message_names_exists() =>
        Assert.Empty(Unknown(NamedCommands, IsCommand, ".yml", ".cs"));

    [Theory]
    [InlineData("Claims__Redis", true)]
    [InlineData("Claims__Tls__ClientCa", true)]
    [InlineData("Claims__Kafka__security_protocol", true)]
    [InlineData("Claims__Rediss", false)]
    [InlineData("Claims__Redis__Host", false)]
    public void A_setting_that_does_not_exist_is_found(string name, bool exists) => Assert.Equal(exists, IsSetting(name));

    [Theory]
    [InlineData("claims_answers_total", true)]
    [InlineData("claims_ledger_gaps_total", true)]
    [InlineData("claims_ledger", true)]
    [InlineData("claims_answer", false)]
    [InlineData("claims_answers_seconds", false)]
    public void A_metric_that_does_not_exist_is_found(string name, bool exists) => Assert.Equal(exists, IsInCode(name));

    [Theory]
    [InlineData("Run `claims up --fresh`.", "up", true)]
    [InlineData("./claims ledger trial-balance --wait 5", "ledger trial-balance", true)]
    [InlineData("./claims ledger income assess --year 2025", "ledger income", true)]
    [InlineData("`./claims import facilities|insured FILE.csv`", "import facilities", true)]
    [InlineData("./claims send ops.jsonl", "send", true)]
    [InlineData("`claims mend`", "mend", false)]
    [InlineData("./claims ledger mend", "ledger mend", false)]
    public void A_command_that_does_not_exist_is_found(string text, string command, bool exists)
    {
        Assert.Equal([command], NamedCommands(text));
        Assert.Equal(exists, IsCommand(command));
    }

    private static IEnumerable<string> Unknown(Func<string, IEnumerable<string>> named, Func<string, bool> exists, params string[] besides)
    {
        // The controls above name what does not exist.
        (string File, string Name)[] found =
        [
            .. from file in Sources.Under("", [".md", .. besides])
               where !file.StartsWith("tests/Structure.Tests/", StringComparison.Ordinal)
               from name in named(Sources.Text(file)).Distinct()
               select (file, name),
        ];
        Assert.NotEmpty(found);
        return found.Where(name => !exists(name.Name)).Select(name => $"{name.File}: {name.Name}");
    }

    private static IEnumerable<string> Named(string text, string pattern) =>
        Regex.Matches(text, pattern, RegexOptions.ExplicitCapture).Select(match => match.Value);

    private static IEnumerable<string> NamedPaths(string text) =>
        Named(text, "(?<=`)(services|libs|cli|load-tests|tests|docs|deploy|policy|protos)/[\\w./-]+(?=`)");

    // "Claims__Name" stands for any; any property of librdkafka may follow "Claims__Kafka__".
    private static bool IsSetting(string name) => name.Split("__", StringSplitOptions.RemoveEmptyEntries)[1..] switch
    {
        [] or ["Name"] => true,
        ["Kafka", ..] => Settings.Value.Contains("Kafka"),
        ["Tls", .. string[] rest] => rest.All(Settings.Value.Contains),
        [string setting] => Settings.Value.Contains(setting),
        _ => false,
    };

    // The exposition ends a counter's name with _total, which the code may leave out.
    private static bool IsInCode(string name) =>
        Regex.IsMatch(Code.Value, $@"\b{Regex.Replace(name, "_total$", "(_total)?")}\b", RegexOptions.ExplicitCapture);

    private static IEnumerable<string> NamedCommands(string text) => Regex
        .Matches(text, @"(\./|`)claims (?<name>(ledger|policy|import) [a-z][a-z-]*|[a-z][a-z-]*)", RegexOptions.ExplicitCapture)
        .Select(match => match.Groups["name"].Value);

    private static bool IsCommand(string names) => names.Split(' ').All(Commands.Value.Contains);

    private static string TextOf(IEnumerable<string> files) => string.Join('\n', files.Select(Sources.Text));

    private static HashSet<string> Words(string text, string pattern) => Regex.Matches(text, pattern, RegexOptions.ExplicitCapture)
        .Select(match => match.Groups["word"].Value).ToHashSet(StringComparer.Ordinal);
}
