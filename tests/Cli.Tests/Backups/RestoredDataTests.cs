using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Tests.Backups;

/// <summary>Restored books take their place whole, wherever that is interrupted; and the WAL that leads to them.</summary>
public sealed class RestoredDataTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-restored-");
    private readonly SystemLayout _layout;

    public RestoredDataTests() => _layout = new SystemLayout(_directory.FullName, 5100);

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("before anything was moved")]
    [InlineData("when the old was moved")]
    [InlineData("when both were moved")]
    public void Interruption_at_any_point_is_ended_by_the_next_command(string interrupted)
    {
        Write(_layout.PostgresDirectory, "old");
        Write(_layout.RestoredDirectory, "new");
        File.WriteAllText(_layout.RestoreFile, """{"Aside":"replaced-1"}""");
        string aside = Path.Combine(_layout.DataDirectory, "replaced-1", "postgres");
        if (interrupted != "before anything was moved")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(aside)!);
            Directory.Move(_layout.PostgresDirectory, aside);
        }

        if (interrupted == "when both were moved") Directory.Move(_layout.RestoredDirectory, _layout.PostgresDirectory);

        Assert.True(RestoredData.Finish(_layout));

        Assert.Equal(("new", "old"), (Read(_layout.PostgresDirectory), Read(aside)));
        Assert.False(File.Exists(_layout.RestoreFile));
        Assert.False(Directory.Exists(_layout.RestoredDirectory));
        Assert.False(RestoredData.Finish(_layout));
    }

    [Fact]
    public void What_was_restored_and_not_committed_stays_out_of_the_way()
    {
        Write(_layout.PostgresDirectory, "old");
        Write(_layout.RestoredDirectory, "half");

        Assert.False(RestoredData.Finish(_layout));

        Assert.Equal("old", Read(_layout.PostgresDirectory));
    }

    [Fact]
    public void First_books_of_a_system_put_nothing_aside()
    {
        Write(_layout.RestoredDirectory, "new");

        RestoredData.Commit(_layout, null);

        Assert.Equal("new", Read(_layout.PostgresDirectory));
        Assert.Equal([_layout.PostgresDirectory], Directory.EnumerateDirectories(_layout.DataDirectory));
    }

    [Theory]
    [InlineData("2025-03-01T08:30:00+08:00", "2025-03-01T00:30:00.000000Z")]
    [InlineData("2025-03-01T00:30:00.123456Z", "2025-03-01T00:30:00.123456Z")]
    [InlineData("2025-03-01T08:30:00", null)]
    [InlineData("2025-03-01", null)]
    [InlineData("yesterday", null)]
    [InlineData("", null)]
    public void Moment_is_read_with_its_offset_alone(string text, string? moment) =>
        Assert.Equal(moment, Times.Parse(text) is { } time ? Times.Text(time) : null);

    [Fact]
    public void Chain_follows_the_timelines_of_earlier_restores()
    {
        WalArchive archive = new(_directory.FullName);
        // The second began within the third segment of the first, which went on to its fifth.
        foreach (int segment in (int[])[1, 2, 3, 4, 5]) Segment(1, segment);
        foreach (int segment in (int[])[3, 4]) Segment(2, segment);
        File.WriteAllText(Path.Combine(_directory.FullName, "00000002.history"), "1\t0/3000060\tbefore 2025-03-01\n");
        long end = WalArchive.ParseLsn("0/1000100");

        Assert.Equivalent(new WalChain([], 4, 2), archive.ChainFrom(1, end, null), strict: true);
        Assert.Equivalent(new WalChain([], 5, 1), archive.ChainFrom(1, end, 1), strict: true);
        File.Delete(Path.Combine(_directory.FullName, WalArchive.SegmentName(2, 3)));
        Assert.Equivalent(new WalChain([WalArchive.SegmentName(2, 3)], 4, 2), archive.ChainFrom(1, end, null), strict: true);
        File.Delete(Path.Combine(_directory.FullName, WalArchive.SegmentName(1, 2)));
        Assert.Equivalent(
            new WalChain([WalArchive.SegmentName(1, 2), WalArchive.SegmentName(2, 3)], 4, 2), archive.ChainFrom(1, end, null),
            strict: true);
    }

    [Fact]
    public void Backup_on_a_timeline_that_was_left_goes_no_further_than_that()
    {
        WalArchive archive = new(_directory.FullName);
        foreach (int segment in (int[])[3, 4]) Segment(2, segment);
        File.WriteAllText(Path.Combine(_directory.FullName, "00000002.history"), "1\t0/3000060\tbefore 2025-03-01\n");

        Assert.Equivalent(new WalChain([], null, 1), archive.ChainFrom(1, WalArchive.ParseLsn("0/5000100"), null), strict: true);
    }

    [Fact]
    public async Task Archive_of_another_postgres_is_not_written_to()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "claims-wal"), "42\n");

        PrivateServerException e = await Assert.ThrowsAsync<PrivateServerException>(
            () => PrivatePostgres.StartAsync(null, 0, new WalArchive(_directory.FullName)));

        Assert.StartsWith($"{_directory.FullName} keeps the WAL of another PostgreSQL, 42, and this one is ", e.Message,
            StringComparison.Ordinal);
    }

    private void Segment(int timeline, int segment) =>
        File.WriteAllText(Path.Combine(_directory.FullName, WalArchive.SegmentName(timeline, segment)), "");

    private static void Write(string directory, string text)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "password"), text);
    }

    private static string Read(string directory) => File.ReadAllText(Path.Combine(directory, "password"));
}
