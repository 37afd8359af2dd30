using Claims.Cli.Backups;
using Claims.Cli.Commands;

namespace Claims.Cli.Tests.Backups;

public sealed class BackupToldTests
{
    private static readonly BackupManifest Manifest = new(
        BackupManifest.KnownFormat, new DateTimeOffset(2025, 6, 18, 8, 0, 0, TimeSpan.Zero),
        new DateTimeOffset(2025, 6, 18, 8, 1, 2, TimeSpan.Zero), "15", "1", 1, "0/1", "0/2", "000000010000000000000007", "/wal", "shizhou",
        "/policy", "e", [1_000, 234], 5L * 1024 * 1024 * 1024 + 1);

    [Fact]
    public void Backup_tells_its_size_its_records_and_from_which_moment_on_it_can_be_restored() => Assert.Equal(
        [
            "Backed up 已备份 in 12.3 s: 5,120 MB in /backup, with 1,234 records of 2 shards, verified.",
            "It can be restored to any moment from 2025-06-18T08:01:02.000000Z on, with the WAL in /wal from 000000010000000000000007 on.",
        ],
        BackupCommand.Told(Manifest, "/backup", 12.34));

    [Fact]
    public void Backup_without_an_archive_tells_the_one_moment_that_it_can_be_restored_to() => Assert.Equal(
        "It can be restored to 2025-06-18T08:01:02.000000Z alone: the system keeps no WAL (`claims up --archive DIR`).",
        BackupCommand.Told(Manifest with { Archive = null }, "/backup", 12.34)[1]);
}
