using System.Text.Json.Nodes;
using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Tests.Backups;

/// <summary>What comes out of a backup with and without the WAL behind it, and what is refused.</summary>
public sealed class RestoreTests(BackedUpBooks backedUp) : IClassFixture<BackedUpBooks>, IDisposable
{
    private readonly SmallBooks _books = backedUp.Books;

    // A place of its own for each test, and a copy of the backup for those that spoil it.
    private readonly SystemLayout _into = backedUp.Books.Another(Guid.NewGuid().ToString("n"));
    private readonly string _spoilt = backedUp.Books.FilePath(Guid.NewGuid().ToString("n"));

    public void Dispose()
    {
        foreach (string made in (string[])[_into.DataDirectory, _spoilt])
            if (Directory.Exists(made)) Directory.Delete(made, recursive: true);
    }

    [Fact]
    public async Task Latest_has_every_record_and_the_password_and_keys_that_belong_to_it()
    {
        RestoreReport report = await _books.RestoreAsync(_books.Order(latest: true), _into);

        Assert.Equal([4L, 100L], report.Books.Watermarks);
        Assert.Equal((false, null), (report.RedisKept, report.Replaced));
        Assert.Equal(4, await SmallBooks.BookedAsync(_into));
        Assert.Equal("key\n", await File.ReadAllTextAsync(_into.KafkaKeyFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_into.KafkaKeyFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(_into.PostgresDirectory, PrivatePostgres.PasswordName)));
        Assert.Equal(SmallBooks.Policy, SystemState.Read(_into.StateFile).Policy);
        Assert.False(Directory.Exists(_into.RestoredDirectory));
        // A drill beside the system that goes on must not write into its archive.
        Assert.Null(SystemState.Read(_into.StateFile).Archive);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 3)]
    public async Task Moment_has_what_was_booked_before_it_and_nothing_after(int behind, long booked)
    {
        RestoreReport report = await _books.RestoreAsync(_books.Order(backedUp.Behind[behind]), _into);

        Assert.Equal([booked, 100L], report.Books.Watermarks);
        Assert.Equal(booked, await SmallBooks.BookedAsync(_into));
    }

    [Fact]
    public async Task Backups_own_end_needs_no_archive()
    {
        RestoreReport report = await _books.RestoreAsync(_books.Order(archive: _books.FilePath("nowhere")), _into);

        Assert.Equal([1L, 100L], report.Books.Watermarks);
    }

    [Fact]
    public async Task Moment_before_the_backups_end_is_refused()
    {
        DateTimeOffset before = _books.Backup().EndedAt.AddMilliseconds(-1);

        await RefusedAsync($"and cannot be restored to a moment before it, {SmallBooks.Text(before)}", _books.Order(before));
    }

    [Fact]
    public async Task Moment_after_the_last_of_the_wal_is_refused_with_how_far_it_goes()
    {
        await RefusedAsync(
            $"There is no WAL as late as 2099-01-01T00:00:00.000000Z: the last transaction before its end is of "
                + SmallBooks.Text(backedUp.Behind[2])[..^2],
            _books.Order(new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero)));
        Assert.Contains("FATAL", await File.ReadAllTextAsync(_into.LogFile("restore")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_segment_is_named_unless_the_moment_lies_before_it()
    {
        string archive = _books.CopyOfArchive();
        string gone = _books.SegmentsOf(archive)[1];
        File.Delete(Path.Combine(archive, gone));

        await RefusedAsync($"The WAL segment {gone} is missing from {archive}, and there are later ones.",
            _books.Order(latest: true, archive: archive));
        await RefusedAsync($"The WAL segment {gone} is missing from {archive}, and there are later ones: the last transaction before its "
            + $"end is of {SmallBooks.Text(backedUp.Behind[0])[..^2]}", _books.Order(backedUp.Behind[2], archive: archive));
        Assert.Equal(2, (await _books.RestoreAsync(
            _books.Order(backedUp.Behind[0], archive: archive), _into)).Books.Watermarks[0]);
    }

    [Fact]
    public async Task Segment_that_cannot_be_read_ends_nothing_silently()
    {
        string archive = _books.CopyOfArchive();
        string spoilt = _books.SegmentsOf(archive)[1];
        await SpoilAsync(Path.Combine(archive, spoilt), at: 0, bytes: 8192);

        CommandException e = await RefusedAsync("cannot be read, and there are later ones: the last transaction before its end is of",
            _books.Order(latest: true, archive: archive));
        Assert.True(e.Message.Contains(spoilt, StringComparison.Ordinal)
            || e.Message.Contains(_books.SegmentsOf(archive)[0], StringComparison.Ordinal), e.Message);
    }

    [Fact]
    public async Task Archive_that_is_away_or_anothers_is_refused()
    {
        string nowhere = _books.FilePath("nowhere");
        await RefusedAsync($"{nowhere}, which keeps the WAL behind the backup, is not there", _books.Order(latest: true, archive: nowhere));
        string archive = _books.CopyOfArchive();
        await File.WriteAllTextAsync(Path.Combine(archive, "claims-wal"), "42\n");
        await RefusedAsync($"{archive} keeps the WAL of another PostgreSQL, 42;", _books.Order(latest: true, archive: archive));
    }

    [Theory]
    [InlineData("postgresMajor", "9", "The backup is of PostgreSQL 9, and PostgreSQL ")]
    [InlineData("format", 2, "is of format 2, and this command knows format 1.")]
    public async Task Backup_of_another_make_is_refused(string field, object value, string sentence)
    {
        string file = Path.Combine(Spoilt(), "claims-backup.json");
        JsonNode manifest = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        manifest[field] = value is int number ? number : (string)value;
        await File.WriteAllTextAsync(file, manifest.ToJsonString());

        await RefusedAsync(sentence, _books.Order(latest: true) with { Directory = _spoilt });
    }

    [Fact]
    public async Task Damaged_file_is_named_before_anything_is_made()
    {
        await SpoilAsync(Path.Combine(Spoilt(), "base", "global", "pg_control"), at: 100, bytes: 1);

        PrivateServerException e = await Assert.ThrowsAsync<PrivateServerException>(
            () => _books.RestoreAsync(_books.Order(latest: true) with { Directory = _spoilt }, _into));

        Assert.Contains($"The backup in {_spoilt}/base is damaged: ", e.Message, StringComparison.Ordinal);
        Assert.Contains("global/pg_control", e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_into.PostgresDirectory));
    }

    [Fact]
    public async Task Directory_without_a_whole_backup_is_refused()
    {
        File.Delete(Path.Combine(Spoilt(), "claims-backup.json"));
        await RefusedAsync("holds a backup that was broken off", _books.Order(latest: true) with { Directory = _spoilt });
        await RefusedAsync("holds no backup", _books.Order(latest: true) with { Directory = _books.Archive });
    }

    [Fact]
    public async Task Disk_that_is_too_small_is_told_before_anything_is_made()
    {
        CommandException e = await Assert.ThrowsAsync<CommandException>(
            () => _books.RestoreAsync(_books.Order(latest: true), _into, freeBytes: 3_000_000));

        Assert.StartsWith($"{_into.DataDirectory} has 2 MB free, and ", e.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.CannotStart, e.ExitCode);
        Assert.False(Directory.Exists(_into.PostgresDirectory));
    }

    [Fact]
    public async Task Restore_that_is_interrupted_leaves_nothing_and_the_next_is_right()
    {
        using CancellationTokenSource stop = new();
        List<string> told = [];
        using (Supervisor supervisor = await Supervisor.OpenAsync(_into, _ => { }, CancellationToken.None))
        {
            Restore restore = new(_into, supervisor, line =>
            {
                told.Add(line);
                if (line.StartsWith("Carrying it on", StringComparison.Ordinal)) stop.Cancel();
            });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => restore.RunAsync(_books.Order(latest: true), stop.Token));
        }

        Assert.True(Directory.Exists(_into.RestoredDirectory));
        Assert.False(Directory.Exists(_into.PostgresDirectory));
        Assert.Equal(4, (await _books.RestoreAsync(_books.Order(latest: true), _into)).Books.Watermarks[0]);
    }

    [Fact]
    public async Task Books_of_another_city_are_not_replaced()
    {
        _into.Create();
        (SystemState.Empty with { Policy = new CityPolicy("/policy", "luoyang") }).Write(_into.StateFile);

        await RefusedAsync("is of luoyang, and the backup is of shizhou.", _books.Order(latest: true, replace: true));
    }

    private async Task<CommandException> RefusedAsync(string sentence, RestoreOrder order)
    {
        CommandException e = await Assert.ThrowsAsync<CommandException>(() => _books.RestoreAsync(order, _into));
        Assert.Contains(sentence, e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_into.PostgresDirectory));
        Assert.False(Directory.Exists(_into.RestoredDirectory));
        return e;
    }

    private string Spoilt()
    {
        Copy(_books.BackupDirectory, _spoilt);
        return _spoilt;
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (string directory in Directory.EnumerateDirectories(from)) Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
    }

    private static async Task SpoilAsync(string file, long at, int bytes)
    {
        await using FileStream stream = File.OpenWrite(file);
        stream.Position = at;
        await stream.WriteAsync(Enumerable.Repeat((byte)0xA5, bytes).ToArray());
    }
}
