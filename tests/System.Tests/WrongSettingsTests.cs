using System.Diagnostics;
using System.Globalization;
using Claims.PrivateServers;

namespace Claims.SystemTests;

/// <summary>A service that is set wrongly says which variable it is and ends with 78, whatever the mistake.</summary>
public sealed class WrongSettingsTests
{
    private static readonly string Policy = Path.Combine(RunningSystem.RepositoryRoot(), "policy");

    public static TheoryData<string, string, string, string> Wrong => new()
    {
        { "Adjudication", "Redis", "127.0.0.1:6379,foo=bar", "is wrong: 'foo' or its value is not known to StackExchange.Redis" },
        { "Adjudication", "Redis", "127.0.0.1:6379,ssl=perhaps", "is wrong: 'ssl' or its value is not known to StackExchange.Redis" },
        { "Adjudication", "EligibilityAddress", "ftp://127.0.0.1:21", "is wrong: it must be of the form http://HOST:PORT" },
        { "Adjudication", "LedgerAddress", "127.0.0.1:5103", "is wrong: it must be of the form http://HOST:PORT" },
        { "Adjudication", "City", "paris", $"is 'paris', and {Policy} has the policy of " },
        { "Adjudication", "PolicyDirectory", "/nowhere", "cannot be used: The policy directory /nowhere cannot be read" },
        { "Adjudication", "Kafka__bootstrap_servers", "", "is missing" },
        { "Adjudication", "Kafka__linger_ms", "soon", "is not accepted by librdkafka" },
        { "Adjudication", "Redsi", "127.0.0.1", "is not known; the nearest is Claims__Redis." },
        { "Adjudication", "Shards", "many", "is 'many', which is not a whole number in range." },
        { "Ledger", "Postgres", "foo", "is wrong: it must be of the form Host=" },
        { "Ledger", "PostgresOwner", "Host=127.0.0.1;foo=bar", "is wrong: 'foo' or its value is not known to Npgsql" },
        { "Ledger", "AcceptUnsafePostgres", "perhaps", "is 'perhaps', which is not true or false." },
        { "Ledger", "PlanWarningPercents", "90,80", "is '90,80', which does not ascend." },
        { "Ledger", "PlanWarningPercents", "80%", "is wrong: it must be one to ten whole numbers" },
        { "Ledger", "AdjudicationAddress", "ftp://127.0.0.1:21", "is wrong: it must be of the form http://HOST:PORT" },
        { "Ledger", "City", "paris", $"is 'paris', and {Policy} has the policy of " },
        { "Ledger", "Postgres", "", "is missing." },
        { "Ledger", "Posgres", "x", "is not known; the nearest is Claims__Postgres." },
        { "Eligibility", "Postgres", "foo", "is wrong: it must be of the form Host=" },
        { "Eligibility", "AcceptUnsafePostgres", "perhaps", "is 'perhaps', which is not true or false." },
        { "Eligibility", "City", "paris", $"is 'paris', and {Policy} has the policy of " },
        { "Eligibility", "PolicyDirectory", "", "is missing." },
        { "Eligibility", "Tls__Certficate", "x", "is not known; the nearest is Claims__Tls__Certificate." },
        { "Gateway", "AdjudicationAddress", "ftp://127.0.0.1:21", "is wrong: it must be of the form http://HOST:PORT" },
        { "Gateway", "AdjudicationAddress", "", "is missing." },
        { "Gateway", "OtlpEndpoint", "collector", "is not an http or https address." },
        { "Gateway", "AnswerSecond", "5", "is not known; the nearest is Claims__AnswerSeconds." },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Setting_that_is_wrong_is_named_and_the_service_ends_with_78(
        string service, string name, string value, string sentence)
    {
        int port = FreePort.Take(2);
        string assembly = Path.Combine(RunningSystem.RepositoryRoot(), "artifacts", "bin", $"Claims.{service}", "release",
            $"Claims.{service}.dll");
        ProcessStartInfo start = new("dotnet", [assembly])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Dictionary<string, string> settings = new(StringComparer.Ordinal)
        {
            ["Port"] = port.ToString(CultureInfo.InvariantCulture),
            ["MetricsPort"] = (port + 1).ToString(CultureInfo.InvariantCulture),
            ["Redis"] = "127.0.0.1:1",
            ["Postgres"] = "Host=127.0.0.1;Port=1",
            ["EligibilityAddress"] = "http://127.0.0.1:1",
            ["LedgerAddress"] = "http://127.0.0.1:1",
            ["AdjudicationAddress"] = "http://127.0.0.1:1",
            ["PolicyDirectory"] = Policy,
            ["Kafka__bootstrap_servers"] = "127.0.0.1:1",
            [name] = value,
        };
        foreach ((string setting, string given) in settings) start.Environment[$"Claims__{setting}"] = given;

        using Process process = Process.Start(start)!;
        using CancellationTokenSource bound = new(TimeSpan.FromMinutes(1));
        Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token);
        string errors = await process.StandardError.ReadToEndAsync(bound.Token);
        await output;
        await process.WaitForExitAsync(bound.Token);

        Assert.Equal(78, process.ExitCode);
        string told = Assert.Single(errors.TrimEnd('\n').Split('\n'));
        Assert.StartsWith($"Setting Claims:{name.Split("__")[0]}", told, StringComparison.Ordinal);
        Assert.Contains($"(environment variable Claims__{name}) {sentence}", told, StringComparison.Ordinal);
    }
}
