using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Claims.PrivateServers;

namespace Claims.Cli.Tests;

/// <summary>The command as a process: what it says and how it exits when it cannot do what is asked.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims cli ");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Broken_operations_file_sends_nothing_and_names_the_line()
    {
        string file = Write("ops.jsonl", "{\"settle\": {\"requestId\": \"G1\"}}\n{\"settle\": {\n");
        string answers = Path.Combine(_directory.FullName, "answers.jsonl");

        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), "send", file, "--out", answers);

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.StartsWith("claims: ops.jsonl line 2: ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
        Assert.False(File.Exists(answers));
    }

    [Fact]
    public async Task Import_without_a_running_system_says_so()
    {
        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), "import", "insured", Write("insured.csv", "insured_id\n"));

        Assert.Equal(ExitCodes.Unavailable, exitCode);
        Assert.Contains("eligibility at http://127.0.0.1:", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("adjudication", "ledger", "close-year", "2024")]
    [InlineData("ledger", "ledger", "shards")]
    [InlineData("ledger", "ledger", "resume", "7")]
    [InlineData("adjudication", "ledger", "income", "receive", "--kind", "interest", "--amount-fen", "1", "--key", "K")]
    [InlineData("adjudication", "ledger", "pay", "run", "--county", "410105", "--month", "2025-03", "--dry-run")]
    [InlineData("adjudication", "ledger", "balance", "--on", "2025-03-31", "--by", "business")]
    [InlineData("ledger", "ledger", "vouchers")]
    [InlineData("ledger", "policy", "impact", "--from", "2025-01-01", "--pack", "POLICY")]
    public async Task Command_about_the_books_without_a_running_system_says_so(string service, params string[] arguments)
    {
        (int exitCode, string errors) =
            await RunAsync(FreePort.Take(23),
            [.. arguments.Select(argument => argument == "POLICY" ? Repository.PolicyDirectory : argument)]);

        Assert.Equal(ExitCodes.Unavailable, exitCode);
        Assert.Contains($"{service} at http://127.0.0.1:", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("--key", "ledger", "pay", "run", "--county", "410105", "--month", "2025-03")]
    [InlineData("--key", "ledger", "income", "receive", "--kind", "interest", "--amount-fen", "1")]
    [InlineData("2025-02-30", "ledger", "balance", "--on", "2025-02-30")]
    [InlineData("1.5", "ledger", "income", "receive", "--kind", "interest", "--amount-fen", "1.5", "--key", "K")]
    public async Task Entry_that_lacks_its_key_or_has_no_such_value_is_not_sent(string named, params string[] arguments)
    {
        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), arguments);

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Up_names_the_busy_port_and_starts_nothing()
    {
        int portBase = FreePort.Take(23);
        using TcpListener taken = new(IPAddress.Loopback, portBase + 3);
        taken.Start();

        (int exitCode, string errors) = await RunAsync(portBase, "up", "--detach");

        Assert.Equal(ExitCodes.CannotStart, exitCode);
        Assert.Contains($"Port {portBase + 3}, which ledger (gRPC) needs", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_directory.FullName, "data", "redis")));
    }

    [Fact]
    public async Task Up_fresh_leaves_a_directory_alone_that_is_not_its_own()
    {
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "data"));
        string precious = Write("data/precious.txt", "mine");

        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), "up", "--fresh", "--detach");

        Assert.Equal(ExitCodes.CannotStart, exitCode);
        Assert.Contains("holds files that are not a claims system's", errors, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(precious));
    }

    [Theory]
    [InlineData("send", "no-such-file.jsonl")]
    [InlineData("import", "facilities", "no-such-file.csv")]
    [InlineData("up", "--detatch")]
    [InlineData("demo", "--visits", "5")]
    [InlineData("demo", "--visits", "abc")]
    [InlineData("send", "FILE", "--connections", "abc")]
    [InlineData("no-such-command")]
    public async Task Wrong_command_line_fails_with_a_message(params string[] arguments)
    {
        (int exitCode, string errors) =
            await RunAsync(FreePort.Take(23), [.. arguments.Select(argument => argument == "FILE" ? Write("ops.jsonl", "") : argument)]);

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.NotEmpty(errors);
        Assert.DoesNotContain("Exception", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policy_check_names_the_line_of_an_unknown_key()
    {
        string policy = Path.Combine(_directory.FullName, "policy");
        Directory.CreateDirectory(policy);
        foreach (string file in Directory.EnumerateFiles(Repository.PolicyDirectory, "*.yaml"))
            File.Copy(file, Path.Combine(policy, Path.GetFileName(file)));
        Assert.Equal((ExitCodes.Done, ""), await RunAsync(FreePort.Take(23), "policy", "check", policy));
        string coverage = Path.Combine(policy, "zhengzhou-coverage.yaml");
        int lines = (await File.ReadAllLinesAsync(coverage)).Length;
        await File.AppendAllTextAsync(coverage, "wating: 30\n");

        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), "policy", "check", policy);

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Equal($"claims: zhengzhou-coverage.yaml:{lines + 1}: unknown key 'wating'; known here: city, instrument, rules.\n", errors);
    }

    [Theory]
    [InlineData("No outpatient policy of zhengzhou is in force on 2023-12-31", "show", "--on", "2023-12-31")]
    [InlineData("'2024-02-30' is not a date", "show", "--on", "2024-02-30")]
    [InlineData("plan year 2023 is not in hand", "contribution", "--year", "2023", "--county", "410105")]
    [InlineData("outside the pooling area", "subsidy", "--year", "2023", "--county", "410181")]
    [InlineData("There is no kaifeng-outpatient.yaml", "show", "--on", "2024-01-01", "--city", "kaifeng")]
    public async Task Policy_that_is_not_in_hand_is_an_error_that_says_so(string sentence, params string[] arguments)
    {
        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), ["policy", .. arguments]);

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("up", "--detach")]
    [InlineData("demo", "--visits", "100")]
    public async Task Policy_of_the_environment_is_used_unless_another_is_named(params string[] arguments)
    {
        Dictionary<string, string> environment =
            new() { ["Claims__PolicyDirectory"] = Repository.PolicyDirectory, ["Claims__City"] = "kaifeng" };

        (int exitCode, string errors) = await RunAsync("5100", environment, arguments);
        (int otherExitCode, string otherErrors) =
            await RunAsync("5100", environment, [.. arguments, "--policy", _directory.FullName, "--city", "luoyang"]);

        Assert.Equal((ExitCodes.Failed, ExitCodes.Failed), (exitCode, otherExitCode));
        Assert.Equal($"claims: There is no kaifeng-outpatient.yaml in {Repository.PolicyDirectory}.\n", errors);
        Assert.Equal($"claims: There is no luoyang-outpatient.yaml in {_directory.FullName}.\n", otherErrors);
        Assert.False(Directory.Exists(Path.Combine(_directory.FullName, "data")));
    }

    [Fact]
    public async Task Port_base_that_is_no_number_is_named()
    {
        (int exitCode, string errors) = await RunAsync("fifty", "status");

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Contains("CLAIMS_PORT_BASE is \"fifty\"", errors, StringComparison.Ordinal);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private Task<(int ExitCode, string Errors)> RunAsync(int portBase, params string[] arguments) =>
        RunAsync(portBase.ToString(CultureInfo.InvariantCulture), arguments);

    private Task<(int ExitCode, string Errors)> RunAsync(string portBase, params string[] arguments) => RunAsync(portBase, [], arguments);

    private async Task<(int ExitCode, string Errors)> RunAsync(string portBase, Dictionary<string, string> environment, string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CommandException).Assembly.Location, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _directory.FullName,
            Environment =
            {
                ["CLAIMS_DATA"] = Path.Combine(_directory.FullName, "data"),
                ["CLAIMS_PORT_BASE"] = portBase,
            },
        };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, errors);
    }
}
