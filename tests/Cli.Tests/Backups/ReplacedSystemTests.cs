using System.Diagnostics;
using System.Globalization;
using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Tests.Backups;

/// <summary>A backup is restored over the very system that it was taken of.</summary>
public sealed class ReplacedSystemTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task What_the_replaced_postgres_wrote_last_is_carried_on_and_what_it_was_is_put_aside()
    {
        await using SmallBooks books = await SmallBooks.StartAsync();
        await books.BookAsync();
        await books.BackUpAsync();
        await books.BookAsync();
        await books.BookAsync(ends: false);
        // As with the machine: nothing of the last segment has been archived.
        await books.Postgres.KillAsync();
        await books.StopAsync();

        CommandException refused = await Assert.ThrowsAsync<CommandException>(
            () => books.RestoreAsync(books.Order(latest: true), books.Layout));
        RestoreReport report = await books.RestoreAsync(books.Order(latest: true, replace: true), books.Layout);

        Assert.Contains("holds books already: with --replace they are put aside", refused.Message, StringComparison.Ordinal);
        Assert.Equal([3L, 100L], report.Books.Watermarks);
        Assert.Equal(3, await SmallBooks.BookedAsync(books.Layout));
        Assert.Equal(3, await SmallBooks.BookedAsync(books.Layout with { DataDirectory = report.Replaced! }));
    }

    [Fact]
    public async Task Restored_system_goes_on_in_the_same_archive_and_is_restored_again_over_both()
    {
        await using SmallBooks books = await SmallBooks.StartAsync();
        await books.BookAsync();
        await books.BackUpAsync();
        DateTimeOffset wanted = await books.BookAsync();
        DateTimeOffset unwanted = await books.BookAsync();
        await books.StopAsync();

        await books.RestoreAsync(books.Order(wanted, replace: true), books.Layout);
        await books.StartPostgresAsync(archives: true);
        for (int record = 0; record < 5; record++) await books.BookAsync();
        await books.StopAsync();

        List<string> told = [];
        Assert.Equal(7, (await books.RestoreAsync(books.Order(latest: true), books.Another(), told)).Books.Watermarks[0]);
        Assert.Contains(told, line => line.EndsWith("is reached with --timeline 1.", StringComparison.Ordinal));
        Assert.Equal(3, (await books.RestoreAsync(
            books.Order(unwanted) with { Timeline = 1 }, books.Another("third"))).Books.Watermarks[0]);
    }

    [Fact]
    public async Task System_without_an_archive_is_restored_to_the_backups_end_or_by_its_own_wal()
    {
        await using SmallBooks books = await SmallBooks.StartAsync(archives: false);
        await books.BookAsync();
        await books.BackUpAsync(archives: false);
        DateTimeOffset behind = await books.BookAsync();
        await books.Postgres.KillAsync();
        await books.StopAsync();

        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => books.RestoreAsync(books.Order(behind)));
        List<string> told = [];
        RestoreReport elsewhere = await books.RestoreAsync(books.Order(latest: true), books.Another(), told);
        RestoreReport own = await books.RestoreAsync(books.Order(latest: true, replace: true), books.Layout, told);

        Assert.Contains("The system kept no WAL when the backup was taken", refused.Message, StringComparison.Ordinal);
        Assert.Equal((1, 2), (elsewhere.Books.Watermarks[0], own.Books.Watermarks[0]));
        Assert.DoesNotContain(told, IsAboutLoss);
    }

    [Fact]
    public async Task Books_that_the_replaced_postgres_had_and_no_wal_leads_to_are_told()
    {
        await using SmallBooks books = await SmallBooks.StartAsync(archives: false);
        await books.BackUpAsync(archives: false);
        await books.BookAsync();
        // In order: the checkpoint at its end needs no WAL before it.
        await books.StopAsync();
        List<string> told = [];

        RestoreReport report = await books.RestoreAsync(books.Order(latest: true, replace: true), books.Layout, told);

        Assert.Equal(0, report.Books.Watermarks[0]);
        Assert.Contains(told, IsAboutLoss);
    }

    private static bool IsAboutLoss(string line) =>
        line.StartsWith("What the PostgreSQL that is replaced had written last could not be carried on", StringComparison.Ordinal);

    [Fact]
    public async Task Commands_that_are_killed_half_way_leave_no_backup_and_the_books_that_were_there()
    {
        await using SmallBooks books = await SmallBooks.StartAsync();
        await books.BookAsync();

        // At a megabyte a second it is not done before it is killed.
        await KilledAsync(books, () => File.Exists(Path.Combine(books.BackupDirectory, "base", "backup_label")),
            "backup", books.BackupDirectory, "--max-rate", "1");
        CommandException broken = Assert.Throws<CommandException>(() => books.Backup());
        Assert.Contains("holds a backup that was broken off", broken.Message, StringComparison.Ordinal);
        string backup = books.BackupDirectory;
        // What it had started ends with it.
        await UntilAsync(() => NoneWorksOn(backup));
        Directory.Delete(backup, recursive: true);

        await books.BackUpAsync();
        await books.BookAsync();
        await books.StopAsync();
        await KilledAsync(books, () => File.Exists(Path.Combine(books.Layout.RestoredDirectory, "data", "recovery.signal")),
            "restore", backup, "--replace");

        Assert.Equal(2, await SmallBooks.BookedAsync(books.Layout));
        Assert.Equal(2, (await books.RestoreAsync(books.Order(latest: true, replace: true), books.Layout)).Books.Watermarks[0]);
    }

    /// <summary>Runs the command until something holds, and kills it.</summary>
    private static async Task KilledAsync(SmallBooks books, Func<bool> holds, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CommandException).Assembly.Location, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["CLAIMS_DATA"] = books.Layout.DataDirectory,
                ["CLAIMS_PORT_BASE"] = books.Layout.PortBase.ToString(CultureInfo.InvariantCulture),
            },
        };
        using Process process = Process.Start(start)!;
        await UntilAsync(() => holds() || process.HasExited);
        Assert.False(process.HasExited, process.HasExited ? await process.StandardError.ReadToEndAsync() : "");
        process.Kill();
        await process.WaitForExitAsync();
    }

    private static bool NoneWorksOn(string directory) => Directory.EnumerateDirectories("/proc").All(process =>
    {
        try
        {
            return !File.ReadAllText(Path.Combine(process, "cmdline")).Contains(directory, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    });

    private static async Task UntilAsync(Func<bool> holds)
    {
        long deadline = Environment.TickCount64 + (long)Bound.TotalMilliseconds;
        while (!holds())
        {
            Assert.True(Environment.TickCount64 < deadline, $"not within {Bound.TotalSeconds} s");
            await Task.Delay(Poll);
        }
    }
}
