using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.SystemTests;

/// <summary>
/// A system that has answered the operations of <c>tests/vectors/books</c> and nothing else: two counties, years, tiers and kinds of
/// everything. What it said and booked is read once, before any test adds to it.
/// </summary>
public sealed partial class SettledDay : IAsyncLifetime
{
    private static readonly TimeSpan China = TimeSpan.FromHours(8);
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public RunningSystem System { get; } = new();

    /// <summary>Answers of the operations, one a line.</summary>
    public string[] Answers { get; private set; } = [];

    public string AnswersFile => System.FilePath("books-answers.jsonl");

    public JsonNode Sent { get; private set; } = new JsonObject();

    public string Hash { get; private set; } = "";

    public string SubLedger { get; private set; } = "";

    public string Postings { get; private set; } = "";

    public JsonNode TrialBalance { get; private set; } = new JsonObject();

    /// <summary>Samples of all services, sorted.</summary>
    public string[] Metrics { get; private set; } = [];

    public DateTimeOffset Began { get; private set; }

    public static string Today => Now().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public static DateTimeOffset Now() => TimeProvider.System.GetUtcNow().ToOffset(China);

    public async Task InitializeAsync()
    {
        await System.InitializeAsync();
        foreach (string kind in new[] { "facilities", "insured", "catalogue" })
            RunningSystem.AssertDone(await System.RunAsync("import", kind, RunningSystem.VectorFile("books", $"{kind}.csv")));
        Began = TimeProvider.System.GetUtcNow();
        CommandResult sent = await System.RunAsync("send", RunningSystem.VectorFile("books", "ops.jsonl"), "--out", AnswersFile, "--json");
        RunningSystem.AssertDone(sent);
        Sent = JsonNode.Parse(sent.Output)!;
        Answers = await File.ReadAllLinesAsync(AnswersFile);
        CommandResult trial = await System.RunAsync("ledger", "trial-balance", "--json", "--wait", "60");
        RunningSystem.AssertDone(trial);
        TrialBalance = JsonNode.Parse(trial.Output)!;
        JsonElement cities = (await System.RunAsync("policy", "check", "--json")).Json.GetProperty("cities");
        JsonElement zhengzhou = cities.EnumerateArray().Single(city => city.GetProperty("city").GetString() == "zhengzhou");
        Hash = zhengzhou.GetProperty("hash").GetString()!;

        // Both are counted just after what the trial balance waits for.
        string[] last = ["claims_outbox_published_total 16", "claims_ledger_batch_records_sum 16"];
        await Eventually.HoldsAsync(async () => !last.Except(Metrics = await ScrapeAsync()).Any());

        string[] columns = Expected("sub-ledger.csv").Split('\n')[0].Split(',');
        const string Fingerprint = "fingerprint_bytes";
        string row = string.Join(
            ", ", columns.Select(column => column == Fingerprint ? $"octet_length(request_fingerprint) AS {Fingerprint}" : column));
        SubLedger = await CopyAsync($"SELECT {row} FROM sub_ledger ORDER BY shard, sequence");
        Postings = await CopyAsync("""
            SELECT business_date, scheme, account_code, sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen
            FROM journal JOIN posting USING (journal_id) GROUP BY business_date, scheme, account_code
            HAVING sum(debit_fen) <> 0 OR sum(credit_fen) <> 0 ORDER BY business_date, account_code COLLATE "C"
            """);
    }

    public Task DisposeAsync() => System.DisposeAsync();

    /// <summary>A file of the set, worked out by hand; what only the run can know stands in capitals.</summary>
    public string Expected(string name) => File.ReadAllText(RunningSystem.VectorFile("books", name))
        .Replace("HASH", Hash, StringComparison.Ordinal)
        .Replace("TODAY", Today, StringComparison.Ordinal);

    /// <summary>What a query of the ledger's database finds, as CSV with a header.</summary>
    public async Task<string> CopyAsync(string query)
    {
        PrivatePostgres postgres = PrivatePostgres.Attach(Path.Combine(System.FilePath("data"), "postgres"), System.PortBase + 22);
        await using NpgsqlDataSource ledger = NpgsqlDataSource.Create(postgres.ConnectionString("ledger"));
        await using NpgsqlConnection connection = await ledger.OpenConnectionAsync();
        using TextReader rows = await connection.BeginTextExportAsync($"COPY ({query}) TO STDOUT (FORMAT CSV, HEADER)");
        return await rows.ReadToEndAsync();
    }

    /// <summary>Indented, so that a difference is a line; times of day in one word.</summary>
    public static string Normal(JsonNode? json) => Timeless(json!.ToJsonString(Readable));

    public static string Normal(string json) => Normal(JsonNode.Parse(json));

    public static string Timeless(string text) => TimeOfDay().Replace(text, "TIME");

    /// <summary>Samples of the services' own metrics.</summary>
    public async Task<string[]> ScrapeAsync()
    {
        using HttpClient http = new();
        List<string> samples = [];
        foreach (int port in new[] { 11, 12, 13, 14 })
        {
            string text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{System.PortBase + port}/metrics"));
            samples.AddRange(text.Split('\n').Where(line => line.StartsWith("claims_", StringComparison.Ordinal)));
        }

        return [.. samples.Order(StringComparer.Ordinal)];
    }

    [GeneratedRegex("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex TimeOfDay();
}
