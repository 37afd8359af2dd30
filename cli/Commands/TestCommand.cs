using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Claims.Cli.Commands;

public static class TestCommand
{
    // Tests of services wait for brokers and stores more than they compute, so a second project runs beside each.
    private const int ProjectsAtATime = 2;

    // Whole systems keep two processors busy. With another project beside them both took a quarter more processor time, and as long as one
    // after the other.
    private static readonly string[] OneAtATime = ["Page.Tests", "System.Tests"];

    // The longest test, every block of the documentation, takes 95 s, and 170 s on a machine of half the speed.
    // One that hangs would keep whoever waits for the run, and say nothing.
    private const string LongestTest = "12m";

    // First, so that none of them is left over at the end with a processor idle beside it; by name would leave Ledger.Tests.
    private static readonly string[] Longest = ["Ledger.Tests", "Adjudication.Tests", "Cli.Tests", "Eligibility.Tests"];

    // Processes of the tests live for seconds: code that is compiled quickly and once costs `up` 9.8 processor-seconds in place of 14.0.
    // The services' own settings, for code that runs for days, are those of their projects.
    private static readonly (string Name, string Value)[] QuickStart =
        [("DOTNET_TC_QuickJit", "1"), ("DOTNET_TieredPGO", "0"), ("DOTNET_EnableWriteXorExecute", "0")];

    public static Command Create()
    {
        Option<string[]> only =
            new("--only") { Description = "Run only these projects, such as Ledger.Tests.", AllowMultipleArgumentsPerToken = true };
        Command command = new("test", "Run every test; the last line is \"N passed, N failed, N skipped\".") { only };
        command.SetAction((result, cancel) => RunAsync(result.GetValue(only) ?? [], cancel));
        return command;
    }

    private static async Task<int> RunAsync(string[] only, CancellationToken cancellationToken)
    {
        string[] all = [.. Directory.GetFiles(Path.Combine(Repository.Root, "tests"), "*.csproj", SearchOption.AllDirectories)
            .Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];
        if (only.Except(all, StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            throw new CommandException($"There is no test project {unknown}; there are {string.Join(", ", all)}.");
        string[] projects = [.. all
            .Where(project => only.Length == 0 || only.Contains(project))
            .OrderBy(project => Longest.Contains(project) ? Array.IndexOf(Longest, project) : Longest.Length)
            .ThenBy(project => project, StringComparer.Ordinal)];
        using TestStores stores = TestStores.Open();
        DirectoryInfo results = Directory.CreateTempSubdirectory("claims-test-");
        TestCounts sum = default;
        bool ran = projects.Length > 0;
        Lock told = new();
        try
        {
            ParallelOptions atATime = new() { MaxDegreeOfParallelism = ProjectsAtATime, CancellationToken = cancellationToken };
            foreach (string project in OneAtATime.Intersect(projects)) await RunAndTellAsync(project, cancellationToken);
            await Parallel.ForEachAsync(projects.Except(OneAtATime), atATime, RunAndTellAsync);

            async ValueTask RunAndTellAsync(string project, CancellationToken cancel)
            {
                long begun = Stopwatch.GetTimestamp();
                TestRun run = await RunProjectAsync(project, results.FullName, stores.Path, cancel);
                lock (told)
                {
                    foreach (string failure in run.Failures)
                        Output.Line(failure);
                    Output.Line(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{project,-20} {run.Counts} ({Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s)"));
                    sum += run.Counts;
                    ran &= run.Counts.Total > 0;
                }
            }
        }
        finally
        {
            results.Delete(recursive: true);
        }
        Output.Line(sum.ToString());
        return ran && sum.Failed == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task<TestRun> RunProjectAsync(
        string project, string results, string? stores, CancellationToken cancellationToken)
    {
        string trx = Path.Combine(results, $"{project}.trx");
        ProcessStartInfo start = new(
            Environment.ProcessPath!,
            [
                "test", Repository.Assembly(project), "--logger", $"trx;LogFileName={project}.trx", "--results-directory", results,
                "--nologo",
                "--blame-hang-timeout", LongestTest, "--blame-hang-dump-type", "none",
            ])
        {
            WorkingDirectory = Repository.Root,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in QuickStart) start.Environment.TryAdd(name, value);
        if (stores is not null) start.Environment["TMPDIR"] = stores;
        using Process process = Process.Start(start) ?? throw new CommandException("dotnet test could not be started.");
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return Judge(project, TestRun.Read(trx), process.ExitCode, $"{await output}\n{await errors}");
    }

    /// <summary>A runner that crashed or found nothing is a failure of its own, whatever the tests before it did.</summary>
    internal static TestRun Judge(string project, TestRun run, int exitCode, string output)
    {
        if (run.Counts.Total > 0 && (exitCode == 0) == (run.Counts.Failed == 0))
            return run;
        string end = string.Join('\n', output.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(30));
        return new TestRun(
            run.Counts + new TestCounts(0, 1, 0),
            [.. run.Failures, $"{project}: the test run ended with exit code {exitCode} and {run.Counts.Total} results. Its "
                + $"output ends:\n{end}"]);
    }
}

public readonly record struct TestCounts(int Passed, int Failed, int Skipped)
{
    public int Total => Passed + Failed + Skipped;

    public static TestCounts operator +(TestCounts left, TestCounts right) =>
        new(left.Passed + right.Passed, left.Failed + right.Failed, left.Skipped + right.Skipped);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed, {Skipped} skipped");
}

/// <summary>One project's results, from the file that the test runner writes.</summary>
public sealed record TestRun(TestCounts Counts, IReadOnlyList<string> Failures)
{
    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <returns>No results where there is no file, or none that can be read.</returns>
    public static TestRun Read(string path)
    {
        try
        {
            return File.Exists(path) ? Read(XDocument.Load(path)) : new TestRun(default, []);
        }
        catch (XmlException)
        {
            return new TestRun(default, []);
        }
    }

    public static TestRun Read(XDocument document)
    {
        XElement[] tests = [.. document.Descendants(Trx + "UnitTestResult")];
        return new TestRun(
            new TestCounts(tests.Count(test => Outcome(test) == "Passed"), tests.Count(Failed),
                tests.Count(test => Outcome(test) == "NotExecuted")),
            [.. tests.Where(Failed).Select(test => $"FAILED {test.Attribute("testName")?.Value}\n{MessageOf(test)}")]);
    }

    private static string? Outcome(XElement test) => test.Attribute("outcome")?.Value;

    // Error, Timeout, Aborted and the like are failures too.
    private static bool Failed(XElement test) => Outcome(test) is not ("Passed" or "NotExecuted");

    private static string MessageOf(XElement test) =>
        $"{test.Descendants(Trx + "Message").FirstOrDefault()?.Value}\n{test.Descendants(Trx + "StackTrace").FirstOrDefault()?.Value}"
            .Trim();
}
