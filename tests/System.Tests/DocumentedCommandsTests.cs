using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Claims.SystemTests;

/// <summary>
/// Every block of commands (```sh) in README and docs is run as a reader would run it: page by page, in a folder that looks like a
/// checkout, against a system that is up. A block that cannot be run here has <c>&lt;!-- not run: why --&gt;</c> right above it.
/// </summary>
public sealed partial class DocumentedCommandsTests(RunningSystem system) : IClassFixture<RunningSystem>, IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    // README first: the others go on with the facility and the insured that it imports.
    private static readonly string[] Pages =
    [
        "README.md", "README.zh-CN.md", "CONTRIBUTING.md",
        .. Directory.GetFiles(Path.Combine(RunningSystem.Root, "docs"), "*.md").Order(StringComparer.Ordinal)
            .Select(path => Path.GetRelativePath(RunningSystem.Root, path)),
        "deploy/README.md", "samples/README.md", "tests/mutants/README.md",
    ];

    // A path without a blank, as the pages have it.
    private readonly DirectoryInfo _otherDisk = Directory.CreateTempSubdirectory("claims-other-disk-");

    public void Dispose() => _otherDisk.Delete(recursive: true);

    [Fact]
    public async Task Every_block_of_commands_does_what_the_page_says()
    {
        string checkout = Checkout();
        List<string> failed = [];
        HashSet<string> run = new(StringComparer.Ordinal);
        foreach ((string page, Block block) in Pages.SelectMany(page => BlocksOf(Text(page)).Select(block => (page, block))))
        {
            // What stands in both languages is run once.
            if (block.NotRun is not null || !run.Add(Comment().Replace(block.Commands, ""))) continue;
            if (await FaultOfAsync(checkout, block.Commands) is { } fault) failed.Add($"{page}:{block.Line}: {fault}");
        }

        Assert.True(failed.Count == 0, string.Join("\n", failed));
        Assert.True(run.Count >= 30, $"only {run.Count} blocks were run");
    }

    [Fact]
    public void Every_block_with_commands_says_so_and_one_that_is_not_run_says_why()
    {
        List<string> faults = [];
        foreach ((string page, Block block) in Pages.SelectMany(page => BlocksOf(Text(page), all: true).Select(block => (page, block))))
        {
            if (block.Language.Length == 0 && Command().IsMatch(block.Commands)) faults.Add($"{page}:{block.Line} has commands and no sh");
            if (block.NotRun is { Length: < 5 }) faults.Add($"{page}:{block.Line} is not run and does not say why");
        }

        Assert.Equal([], faults);
    }

    [Fact]
    public async Task A_block_that_fails_or_is_answered_with_an_error_is_found()
    {
        string checkout = Checkout();

        Assert.NotNull(await FaultOfAsync(checkout, "./claims ledger resume 99\necho later"));
        Assert.NotNull(await FaultOfAsync(checkout, "curl --json '{' http://127.0.0.1:5104/v1/settle"));
        Assert.Null(await FaultOfAsync(checkout, "./claims ledger shards"));
        Block[] blocks = [.. BlocksOf("```sh\na\n```\n\n<!-- not run: it takes an hour -->\n```sh\nb\n```\n```\nc\n```\n")];
        Assert.Equal([new Block(1, "sh", "a", null), new Block(6, "sh", "b", "it takes an hour")], blocks);
    }

    private static IEnumerable<Block> BlocksOf(string text, bool all = false)
    {
        string[] lines = text.Split('\n');
        for (int line = 0; line < lines.Length; line++)
        {
            if (!lines[line].StartsWith("```", StringComparison.Ordinal)) continue;
            int end = Array.FindIndex(lines, line + 1, one => one.StartsWith("```", StringComparison.Ordinal));
            string language = lines[line][3..].Trim();
            string? notRun = line > 0 && NotRun().Match(lines[line - 1]) is { Success: true } mark ? mark.Groups["why"].Value : null;
            if (all || language == "sh") yield return new Block(line + 1, language, string.Join('\n', lines[(line + 1)..end]), notRun);
            line = end;
        }
    }

    private static string Text(string page) => File.ReadAllText(Path.Combine(RunningSystem.Root, page));

    /// <returns>A folder with what blocks name, in which they may write.</returns>
    private string Checkout()
    {
        string folder = system.FilePath($"checkout {Guid.NewGuid():n}");
        Directory.CreateDirectory(folder);
        foreach (string name in (string[])["samples", "artifacts", "protos", "policy"])
            Directory.CreateSymbolicLink(Path.Combine(folder, name), Path.Combine(RunningSystem.Root, name));
        string claims = Path.Combine(folder, "claims");
        File.WriteAllText(claims, $"""
            #!/bin/sh
            exec dotnet '{RunningSystem.Root}/artifacts/bin/Claims.Cli/release/claims.dll' "$@"

            """);
        File.SetUnixFileMode(claims, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    }

    /// <returns>What went wrong, or null.</returns>
    private async Task<string?> FaultOfAsync(string folder, string commands)
    {
        string here = Port().Replace(commands, port =>
            (system.PortBase + int.Parse(port.Groups["offset"].Value, CultureInfo.InvariantCulture))
                .ToString(CultureInfo.InvariantCulture));
        here = here.Replace("/other/disk", _otherDisk.FullName, StringComparison.Ordinal);
        // What a block leaves running ends with it; an answer that is an error ends the block.
        string script = $$"""
            trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
            curl() { command curl --fail-with-body --silent --show-error "$@"; }
            {{here}}
            """;
        using Process bash = system.StartIn(folder, "bash", "-eu", "-o", "pipefail", "-c", script);
        using CancellationTokenSource bound = new(Bound);
        Task<string> output = bash.StandardOutput.ReadToEndAsync(bound.Token);
        Task<string> errors = bash.StandardError.ReadToEndAsync(bound.Token);
        try
        {
            await bash.WaitForExitAsync(bound.Token);
        }
        catch (OperationCanceledException)
        {
            bash.Kill(entireProcessTree: true);
            return $"did not end within {Bound.TotalSeconds} s: {commands}";
        }

        string said = await output + await errors;
        return bash.ExitCode == 0 ? null : $"exit code {bash.ExitCode} {said[Math.Max(0, said.Length - 600)..]}";
    }

    [GeneratedRegex(@"^<!-- not run: (?<why>.*) -->$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex NotRun();

    [GeneratedRegex(@"^(?:\./claims|curl|dotnet|tests/\S+/run|deploy/\S+/run) ", RegexOptions.Multiline, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Command();

    [GeneratedRegex(@"\s+# .*$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Comment();

    [GeneratedRegex(
        @"(?<=(localhost|127\.0\.0\.1|Port)[:=])51(?<offset>\d\d)\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Port();

    private sealed record Block(int Line, string Language, string Commands, string? NotRun);
}
