using Claims.Cli.Operations;

namespace Claims.Cli.Tests;

/// <summary>Where send puts its answers.</summary>
public sealed class AnswersFileTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-answers-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("what was there before, and longer than the answers are\n")]
    public async Task Regular_file_is_replaced_whole(string? before)
    {
        FileInfo file = In("answers.jsonl");
        if (before is not null) await File.WriteAllTextAsync(file.FullName, before);

        using (AnswersFile answers = AnswersFile.Open(file))
        {
            Assert.Equal(before, file.Exists ? await File.ReadAllTextAsync(file.FullName) : null);
            await answers.WriteAsync(["一", "2"], CancellationToken.None);
        }

        Assert.Equal("一\n2\n", await File.ReadAllTextAsync(file.FullName));
        Assert.Equal([file.FullName], _directory.GetFiles().Select(left => left.FullName));
    }

    [Fact]
    public async Task File_in_memory_is_replaced_whole_too()
    {
        DirectoryInfo memory = Directory.CreateDirectory($"/dev/shm/claims-answers-{Guid.NewGuid():n}");
        try
        {
            FileInfo file = new(Path.Combine(memory.FullName, "answers.jsonl"));
            await File.WriteAllTextAsync(file.FullName, "what was there before\n");

            using (AnswersFile answers = AnswersFile.Open(file))
            {
                Assert.Equal(2, memory.GetFiles().Length);
                await answers.WriteAsync(["1"], CancellationToken.None);
            }

            Assert.Equal("1\n", await File.ReadAllTextAsync(Assert.Single(memory.GetFiles()).FullName));
        }
        finally
        {
            memory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_is_no_regular_file_is_written_to_and_stays_what_it_is()
    {
        FileInfo target = In("target.jsonl");
        await File.WriteAllTextAsync(target.FullName, "what was there before, and longer than the answers are\n");
        FileInfo link = In("link.jsonl");
        link.CreateAsSymbolicLink(target.FullName);

        using (AnswersFile answers = AnswersFile.Open(link)) await answers.WriteAsync(["1"], CancellationToken.None);
        using (AnswersFile answers = AnswersFile.Open(new FileInfo("/dev/null"))) await answers.WriteAsync(["1"], CancellationToken.None);

        Assert.Equal(target.FullName, new FileInfo(link.FullName).LinkTarget);
        Assert.Equal("1\n", await File.ReadAllTextAsync(target.FullName));
        Assert.False(File.Exists("/dev/null.new"));
        Assert.Equal(0, new FileInfo("/dev/null").Length);
    }

    [Fact]
    public void Pipe_stays_a_pipe()
    {
        FileInfo pipe = In("pipe");
        using (System.Diagnostics.Process made = System.Diagnostics.Process.Start("mkfifo", [pipe.FullName])!) made.WaitForExit();
        using FileStream reader = new(pipe.FullName, FileMode.Open, FileAccess.ReadWrite);

        using (AnswersFile.Open(pipe)) Assert.Equal([pipe.FullName], _directory.GetFiles().Select(left => left.FullName));

        Assert.True(File.Exists(pipe.FullName));
    }

    [Fact]
    public void Place_that_cannot_be_written_is_told_before_anything_is_sent()
    {
        Assert.Equal($"--out {_directory.FullName} is a directory; nothing was sent.", Refused(_directory.FullName));
        string nowhere = Path.Combine(_directory.FullName, "no-such", "answers.jsonl");
        Assert.StartsWith($"--out {nowhere} cannot be written: ", Refused(nowhere), StringComparison.Ordinal);

        static string Refused(string path) => Assert.Throws<CommandException>(() => AnswersFile.Open(new FileInfo(path))).Message;
    }

    [Fact]
    public void Answers_that_were_not_written_leave_nothing_behind()
    {
        AnswersFile.Open(In("answers.jsonl")).Dispose();

        Assert.Empty(_directory.GetFileSystemInfos());
    }

    private FileInfo In(string name) => new(Path.Combine(_directory.FullName, name));
}
