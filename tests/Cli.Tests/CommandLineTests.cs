using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Claims.Cli.LocalSystem;
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
    [InlineData("ledger", "ledger", "close-year", "2024", "--yes")]
    [InlineData("ledger", "ledger", "shards")]
    [InlineData("ledger", "ledger", "resume", "7")]
    [InlineData("adjudication", "rebuild")]
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
    public async Task Backup_of_a_system_that_does_not_run_is_none_and_ends_with_3()
    {
        string backup = Path.Combine(_directory.FullName, "backup");
        SystemLayout layout = new(Path.Combine(_directory.FullName, "data"), FreePort.Take(23));
        layout.Create();
        (SystemState.Empty with { Policy = CityPolicy.Shipped }).Write(layout.StateFile);

        (int exitCode, string errors) = await RunAsync(layout.PortBase, "backup", backup);

        Assert.Equal((ExitCodes.Unavailable,
            $"claims: PostgreSQL of the system in {layout.DataDirectory} does not run: `claims up` starts it.\n"),
            (exitCode, errors));
        Assert.False(Directory.Exists(backup));
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

    [Theory]
    [InlineData("--visits must be a whole number, not 'abc'.", "demo", "--visits", "abc")]
    [InlineData("--visits must be a whole number, not '1e3'.", "demo", "--visits", "1e3")]
    [InlineData("--seed must be from -2147483648 to 2147483647, not '99999999999'.", "demo", "--seed", "99999999999")]
    [InlineData("--connections must be a whole number, not 'abc'.", "send", "FILE", "--connections", "abc")]
    [InlineData("--wait must be a whole number, not 'abc'.", "ledger", "trial-balance", "--wait", "abc")]
    [InlineData("--wait must be at least 0.", "ledger", "verify", "--wait", "-1")]
    [InlineData("--amount-fen must be a whole number, not '1.5'.",
        "ledger", "income", "receive", "--kind", "interest", "--amount-fen", "1.5", "--key", "K")]
    [InlineData("--on: '2025-02-30' is not a date of the form yyyy-MM-dd.", "ledger", "balance", "--on", "2025-02-30")]
    [InlineData("FILE.csv must be a file, and / is a directory.", "import", "insured", "/")]
    [InlineData("--number must be a whole number, not 'abc'.", "ledger", "vouchers", "--number", "abc")]
    [InlineData("--year must be a year of four digits, such as 2025, not '25'.", "ledger", "plan", "show", "--year", "25")]
    [InlineData("year must be a year of four digits, such as 2025, not '25'.", "ledger", "close-year", "25", "--yes")]
    [InlineData("year must be a whole number, not 'abc'.", "ledger", "close-year", "abc", "--yes")]
    [InlineData("month must be a month of the form yyyy-MM, such as 2025-03, not '2025-13'.", "ledger", "close-month", "2025-13", "--yes")]
    [InlineData("--month must be a month of the form yyyy-MM, such as 2025-03, not '202503'.",
        "ledger", "pay", "run", "--county", "410105", "--month", "202503", "--dry-run")]
    [InlineData("shard must be a whole number, not 'abc'.", "ledger", "resume", "abc")]
    [InlineData("--rounds must be a whole number, not 'abc'.", "bench", "--rounds", "abc")]
    [InlineData("--to must be latest, backup, or a moment with its offset from UTC, such as 2025-03-01T08:30:00+08:00, not "
        + "'2025-03-01T08:30:00'.", "restore", "backups", "--to", "2025-03-01T08:30:00")]
    [InlineData("--archive and --no-archive contradict each other.", "up", "--city", "nowhere", "--archive", "wal", "--no-archive")]
    [InlineData("--archive names a directory.", "up", "--city", "nowhere", "--archive", "")]
    [InlineData("--rate-scale must be a number, not 'abc'.", "load", "all", "--rate-scale", "abc")]
    [InlineData("--seconds must be a whole number, not 'abc'.", "load", "all", "--seconds", "abc")]
    public async Task Value_that_is_not_what_the_option_takes_is_told_in_a_sentence(string sentence, params string[] arguments)
    {
        (int exitCode, string errors) =
            await RunAsync(FreePort.Take(23), [.. arguments.Select(argument => argument == "FILE" ? Write("ops.jsonl", "") : argument)]);

        Assert.Equal((ExitCodes.Failed, sentence), (exitCode, errors.Trim()));
    }

    [Theory]
    [InlineData("2024", "close-year", "2024")]
    [InlineData("2025-03", "close-month", "2025-03")]
    public async Task Closing_without_a_terminal_and_without_yes_asks_no_service(string named, params string[] arguments)
    {
        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), ["ledger", .. arguments]);

        Assert.Equal((ExitCodes.Failed, $"claims: {named} is not closed: there is no terminal to ask at, and --yes is not given.\n"),
            (exitCode, errors));
    }

    [Fact]
    public async Task Test_of_a_project_that_there_is_not_names_those_that_there_are()
    {
        (int exitCode, string errors) = await RunAsync(FreePort.Take(23), "test", "--only", "Nope");

        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.StartsWith("claims: There is no test project Nope; there are Adjudication.Tests, Cli.Tests, ", errors,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Claims__Redsi", "The environment variable Claims__Redsi is not known; the nearest is Claims__Redis.")]
    [InlineData("Claims__Redis", "The environment variable Claims__Redis has no effect on a system that this command starts, which sets it "
        + "itself: unset it; CLAIMS_DATA chooses where its Redis keeps its data.")]
    [InlineData("Claims__Kafka__bootstrap_servers", "The environment variable Claims__Kafka__bootstrap_servers has no effect on a system "
        + "that this command starts, which sets it itself: unset it; CLAIMS_KAFKA names another broker.")]
    [InlineData("CLAIMS__CITY", "The environment variable CLAIMS__CITY is written Claims__City.")]
    public async Task Variable_that_up_would_ignore_is_refused_before_anything_is_removed(string variable, string sentence)
    {
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "data"));
        Write("data/.claims-data", "");
        string kept = Write("data/kept.txt", "mine");

        (int exitCode, string errors) = await RunAsync(
            FreePort.Take(23).ToString(CultureInfo.InvariantCulture), new() { [variable] = "x" }, ["up", "--fresh", "--detach"]);

        Assert.Equal((ExitCodes.Configuration, $"claims: {sentence}\n"), (exitCode, errors));
        Assert.Equal("mine", await File.ReadAllTextAsync(kept));
    }

    [Fact]
    public async Task Interrupted_command_ends_with_130()
    {
        // A port that takes connections and says nothing: the command waits.
        int portBase = FreePort.Take(23);
        using TcpListener silent = new(IPAddress.Loopback, portBase + 6);
        silent.Start();
        using Process process = Process.Start(Command(portBase.ToString(CultureInfo.InvariantCulture), [], ["ledger", "trial-balance"]))!;
        using TcpClient connected = await silent.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromMinutes(1));

        ProcessIdentity.Of(process.Id)!.Value.Signal(ProcessSignal.Interrupt);
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal((ExitCodes.Interrupted, "claims: stopped.\n"), (process.ExitCode, errors));
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
        using Process process = Process.Start(Command(portBase, environment, arguments))!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, errors);
    }

    private ProcessStartInfo Command(string portBase, Dictionary<string, string> environment, string[] arguments)
    {
        // What a shell starts in its background ignores Ctrl-C, and so would whatever the tests start there.
        ProcessStartInfo start = new("env", ["--default-signal=INT", "dotnet", typeof(CommandException).Assembly.Location, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
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
        return start;
    }
}
