using System.Diagnostics;
using Claims.Cli.Backups;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.Cli.Tests.Backups;

/// <summary>What a backup is of a system that serves, and when there is none.</summary>
public sealed class BackupTests(BackupTests.Serving serving) : IClassFixture<BackupTests.Serving>
{
    private readonly SmallBooks _books = serving.Books;
    private readonly string _directory = serving.Books.FilePath(Guid.NewGuid().ToString("n"));

    [Fact]
    public async Task Backup_is_its_owners_alone_and_goes_into_no_directory_that_holds_something()
    {
        BackupManifest taken = await TakeAsync();

        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => TakeAsync());

        Assert.Equal($"{_directory} is not empty: a backup wants a directory of its own.", refused.Message);
        Assert.Equal(Places.OwnDirectory, File.GetUnixFileMode(_directory));
        Assert.Equal(Places.OwnDirectory, File.GetUnixFileMode(BackupManifest.SecretsOf(_directory)));
        Assert.All(Directory.EnumerateFiles(BackupManifest.SecretsOf(_directory)),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.Equal((_books.Archive, "shizhou"), (taken.Archive, taken.City));
        Assert.Equal([0L, 100L], taken.Watermarks);
        Assert.Equivalent(taken, BackupManifest.Read(_directory), strict: true);
    }

    [Fact]
    public async Task Backup_that_fails_or_is_interrupted_leaves_nothing()
    {
        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => TakeAsync(freeBytes: 3_000_000));
        using CancellationTokenSource stop = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new Backup(_books.Layout, _books.Postgres, SmallBooks.Policy)
            .TakeAsync(_directory, null, 1, (_, _) => stop.Cancel(), stop.Token));

        Assert.StartsWith($"{_directory} has 2 MB free, and ", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory));
    }

    [Fact]
    public async Task Store_that_was_never_opened_has_nothing_to_back_up()
    {
        await ExecuteAsync("UPDATE store SET initialised = false");

        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => TakeAsync());
        await ExecuteAsync("UPDATE store SET initialised = true");

        Assert.Equal(("The store has not been opened yet: there is nothing to back up.", ExitCodes.Unavailable),
            (refused.Message, refused.ExitCode));
    }

    [Fact]
    public async Task System_that_runs_is_not_restored_over()
    {
        await TakeAsync();

        CommandException refused = await Assert.ThrowsAsync<CommandException>(
            () => _books.RestoreAsync(new RestoreOrder(_directory, null, true, null, null, Replace: true), _books.Layout));

        Assert.Equal($"The system in {_books.Layout.DataDirectory} runs (postgres): `claims down` first.", refused.Message);
        Assert.True(await _books.Postgres.AnswersAsync());
    }

    /// <summary>PostgreSQL asks again where it crashed before it heard; and what another system has put there must stay.</summary>
    [Fact]
    public async Task Segment_is_archived_once_and_never_replaced_by_another_of_its_name()
    {
        string archive = Directory.CreateDirectory(_directory).FullName;
        string segment = _books.FilePath("segment");
        string kept = Path.Combine(archive, "000000010000000000000001");
        await File.WriteAllTextAsync(kept + ".new", "broken off");
        await File.WriteAllTextAsync(segment, "one");

        Assert.Equal(0, await ArchiveAsync(segment, archive));
        Assert.Equal(0, await ArchiveAsync(segment, archive));
        await File.WriteAllTextAsync(segment, "two");
        Assert.Equal(1, await ArchiveAsync(segment, archive));

        Assert.Equal("one", await File.ReadAllTextAsync(kept));
        Assert.Equal([kept], Directory.EnumerateFiles(archive));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(kept));
    }

    private async Task<int> ArchiveAsync(string segment, string archive)
    {
        using Process script = Process.Start(new ProcessStartInfo("/bin/sh",
        [
            Path.Combine(_books.Layout.PostgresDirectory, "archive.sh"), segment, "000000010000000000000001", archive,
        ])
        { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await script.WaitForExitAsync();
        return script.ExitCode;
    }

    private Task<BackupManifest> TakeAsync(long freeBytes = long.MaxValue) =>
        new Backup(_books.Layout, _books.Postgres, SmallBooks.Policy) { FreeBytesOf = _ => freeBytes }
            .TakeAsync(_directory, _books.Archive, null, (_, _) => { }, CancellationToken.None);

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = new(_books.Postgres.ConnectionString("ledger") + ";Pooling=false");
        await connection.OpenAsync();
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public sealed class Serving : IAsyncLifetime
    {
        public SmallBooks Books { get; private set; } = null!;

        public async Task InitializeAsync() => Books = await SmallBooks.StartAsync();

        public async Task DisposeAsync() => await Books.DisposeAsync();
    }
}
