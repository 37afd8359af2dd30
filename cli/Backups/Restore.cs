using System.Globalization;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Backups;

/// <summary>What to restore, and how far.</summary>
/// <param name="Directory">Of the backup.</param>
/// <param name="To">The last moment whose transactions count; null for <paramref name="Latest"/> or the backup's own end.</param>
/// <param name="Latest">As far as there is WAL.</param>
/// <param name="Archive">Where the WAL behind the backup is; null for where the backup says.</param>
/// <param name="Timeline">Of that WAL; null for the newest.</param>
/// <param name="Replace">Whether a PostgreSQL that is there may be put aside.</param>
public sealed record RestoreOrder(string Directory, DateTimeOffset? To, bool Latest, string? Archive, int? Timeline, bool Replace);

/// <summary>What came of a restore.</summary>
/// <param name="Reached">Where PostgreSQL's recovery ended.</param>
/// <param name="Books">How far the books are.</param>
/// <param name="RedisKept">Whether Redis still has its data, and with it what the books lack.</param>
/// <param name="Replaced">Where the PostgreSQL is that was there before, or null.</param>
public sealed record RestoreReport(BackupManifest Backup, RecoveryEnd Reached, BooksState Books, bool RedisKept, string? Replaced);

/// <summary>
/// Puts a backup, carried on to a moment behind it, into a system that is down. Everything is made beside the place that it takes in the
/// end, so an interruption leaves the old or the new.
/// </summary>
public sealed class Restore(SystemLayout layout, Supervisor supervisor, Action<string> tell)
{
    // A recovery writes WAL of its own beside what it copies.
    private const long Margin = 64 * WalArchive.SegmentBytes;

    private static readonly TimeSpan UnusedBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How the goal is reached.</summary>
    /// <param name="Chain">What the archive has; null without one.</param>
    /// <param name="Own">What the PostgreSQL that is replaced has.</param>
    private sealed record Way(RecoveryGoal Goal, WalChain? Chain, OwnWal? Own, string Archive);

    private string DataDirectory => Path.Combine(layout.PostgresDirectory, PrivatePostgres.DataName);

    /// <summary>Free bytes of the disk that a directory is on; replaced in tests.</summary>
    internal Func<string, long> FreeBytesOf { get; init; } = Places.FreeBytesOf;

    /// <exception cref="CommandException">Why not; what was there is there.</exception>
    /// <exception cref="PrivateServerException">The same, in PostgreSQL's words.</exception>
    public async Task<RestoreReport> RunAsync(RestoreOrder order, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(order);
        BackupManifest backup = BackupManifest.Read(order.Directory);
        RequireDown();
        layout.Create();
        if (RestoredData.Finish(layout)) tell("An earlier restore that was broken off is ended first.");
        await RequirePlaceAsync(backup, order.Replace, cancellationToken);
        Way way = await WayAsync(backup, order, cancellationToken);
        string files = BackupManifest.BaseOf(order.Directory);
        Places.RequireRoom(layout.DataDirectory, backup.Bytes + Margin, FreeBytesOf(layout.DataDirectory));
        tell("Verifying the backup 校验备份 …");
        await PostgresBackup.VerifyAsync(files, cancellationToken);

        await ClearAsync(cancellationToken);
        Directory.CreateDirectory(layout.RestoredDirectory, Places.OwnDirectory);
        Places.CopySecret(Path.Combine(BackupManifest.SecretsOf(order.Directory), Secrets.PostgresPassword),
            Path.Combine(layout.RestoredDirectory, PrivatePostgres.PasswordName));
        tell("Copying it 复制 …");
        await PostgresRecovery.CopyAsync(files, layout.RestoredDirectory, cancellationToken);
        (RecoveryEnd reached, BooksState books) = await RecoverAsync(backup, order, way, cancellationToken);

        if (!File.Exists(layout.KafkaKeyFile)
            && Path.Combine(BackupManifest.SecretsOf(order.Directory), Secrets.KafkaKey) is { } key && File.Exists(key))
            Places.CopySecret(key, layout.KafkaKeyFile);
        if (supervisor.State.Policy is null) supervisor.Remember(new CityPolicy(backup.PolicyDirectory, backup.City));
        string? aside = Directory.Exists(layout.PostgresDirectory)
            ? $"replaced-{DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}"
            : null;
        RestoredData.Commit(layout, aside);
        bool redisKept = Directory.Exists(layout.RedisDirectory)
            && Directory.EnumerateFiles(layout.RedisDirectory, "*.aof", SearchOption.AllDirectories).Any();
        return new RestoreReport(backup, reached, books, redisKept, aside is null ? null : Path.Combine(layout.DataDirectory, aside));
    }

    private void RequireDown()
    {
        if (supervisor.Running is { Count: > 0 } running)
            throw new CommandException($"The system in {layout.DataDirectory} runs ({string.Join(", ", running)}): `claims down` first.");
        if (Directory.Exists(DataDirectory) && PrivatePostgres.UserOf(DataDirectory) is { } pid)
            throw new CommandException($"PostgreSQL's data in {DataDirectory} is in use by process {pid}.");
    }

    private async Task RequirePlaceAsync(BackupManifest backup, bool replace, CancellationToken cancellationToken)
    {
        string installed = await PostgresBackup.InstalledMajorAsync(cancellationToken);
        if (installed != backup.PostgresMajor)
        {
            throw new CommandException(
                $"The backup is of PostgreSQL {backup.PostgresMajor}, and PostgreSQL {installed} is installed here: install the Debian "
                    + $"package postgresql-{backup.PostgresMajor} instead.", ExitCodes.CannotStart);
        }

        if (supervisor.State.Policy is { } policy && policy.City != backup.City)
            throw new CommandException($"The data in {layout.DataDirectory} is of {policy.City}, and the backup is of {backup.City}.");
        if (Directory.Exists(DataDirectory) && !replace)
        {
            throw new CommandException(
                $"{DataDirectory} holds books already: with --replace they are put aside, and nothing of them is removed.");
        }
    }

    private async Task<Way> WayAsync(
        BackupManifest backup, RestoreOrder order, CancellationToken cancellationToken)
    {
        if (order.To is { } to && to < backup.EndedAt)
        {
            throw new CommandException(
                $"The backup ends at {Times.Text(backup.EndedAt)} and cannot be restored to a moment before it, {Times.Text(to)}: take an "
                    + "earlier one.");
        }

        OwnWal? own = await PostgresRecovery.WalOfAsync(DataDirectory, backup.SystemIdentifier, cancellationToken);
        string? named = order.Archive ?? backup.Archive;
        bool toItsEnd = order.To is null && !order.Latest;
        if (named is null)
        {
            if (order.To is not null && own is null)
            {
                throw new CommandException("The system kept no WAL when the backup was taken, so it can be restored to its own end alone: "
                    + "name where the WAL is with --archive, or say --to backup.");
            }

            return new Way(new RecoveryGoal(order.To, toItsEnd, own is null ? [] : [own.Directory], order.Timeline ?? backup.Timeline),
                null, own, "");
        }

        if (!Directory.Exists(named))
        {
            if (toItsEnd) return new Way(new RecoveryGoal(null, toItsEnd, [], backup.Timeline), null, own, named);
            throw new CommandException($"{named}, which keeps the WAL behind the backup, is not there: name where it is with --archive, or "
                + "say --to backup.");
        }

        WalArchive archive = new(named);
        if (archive.Owner is { } owner && owner != backup.SystemIdentifier)
            throw new CommandException(
                $"{named} keeps the WAL of another PostgreSQL, {owner}; the backup is of {backup.SystemIdentifier}.");
        WalChain chain = archive.ChainFrom(
            backup.Timeline, WalArchive.ParseLsn(backup.EndLsn), toItsEnd ? backup.Timeline : order.Timeline, own?.Directory);
        if (order.Latest && chain.Missing.Count > 0) throw Missing(chain, named);
        if (order.Timeline is null && chain.Timeline != backup.Timeline && !toItsEnd)
        {
            tell($"The WAL of timeline {chain.Timeline} is followed, which an earlier restore has begun; what was booked before that and "
                + $"is not in it is reached with --timeline {backup.Timeline}.");
        }

        string[] from = own is null ? [named] : [named, own.Directory];
        return new Way(new RecoveryGoal(order.To, toItsEnd, from, chain.Timeline), chain, own, named);
    }

    private async Task<(RecoveryEnd Reached, BooksState Books)> RecoverAsync(
        BackupManifest backup, RestoreOrder order, Way way, CancellationToken cancellationToken)
    {
        string goal = order.To is { } to ? Times.Text(to) : order.Latest ? "the last of the WAL" : "its own end";
        tell($"Carrying it on 恢复 to {goal} …");
        BooksState? books = null;
        RecoveryEnd reached;
        try
        {
            reached = await PostgresRecovery.RunAsync(layout.RestoredDirectory, way.Goal, tell,
                async postgres => books = await BooksState.ReadAsync(postgres, cancellationToken), cancellationToken);
        }
        catch (RecoveryException e)
        {
            string log = layout.LogFile("restore");
            File.Copy(Path.Combine(layout.RestoredDirectory, PostgresRecovery.LogName), log, overwrite: true);
            await ClearAsync(CancellationToken.None);
            throw Failure(order, way, e, log);
        }

        // What cannot be read ends a recovery as the end of the WAL does.
        long segment = (reached.Lsn ?? WalArchive.ParseLsn(backup.EndLsn) - 1) / WalArchive.SegmentBytes;
        if (order.Latest && way.Chain?.Last is { } last && segment < last)
        {
            await ClearAsync(CancellationToken.None);
            throw new CommandException(
                $"The WAL segment {WalArchive.SegmentName(way.Chain.Timeline, segment)} or the one behind it cannot be read, and there are "
                    + $"later ones: {EndsAt(reached)}. To have the books up to there, move what lies behind it out of {way.Archive}.");
        }

        if (books!.Epoch != backup.Epoch || books.Watermarks.Zip(backup.Watermarks).Any(mark => mark.First < mark.Second))
        {
            await ClearAsync(CancellationToken.None);
            throw new CommandException("The books that came out of the backup are behind what they were when it began: it is not whole.");
        }

        if (order.Latest && way.Own is { } own && (reached.Lsn ?? 0) < own.Checkpoint)
        {
            tell("What the PostgreSQL that is replaced had written last could not be carried on: its WAL from the backup to there is "
                + "no longer whole.");
        }

        return (reached, books);
    }

    private static CommandException Failure(RestoreOrder order, Way way, RecoveryException e, string log)
    {
        if (!e.Message.StartsWith("recovery ended before configured recovery target", StringComparison.Ordinal))
            return new CommandException($"PostgreSQL could not carry the backup on: {e.Message.TrimEnd('.')}. Its log is {log}.", e);
        if (way.Chain is { Missing.Count: > 0 } chain) return Missing(chain, way.Archive, EndsAt(e.End));
        return new CommandException(
            $"There is no WAL as late as {Times.Text(order.To!.Value)}: {EndsAt(e.End)}. To have all there is, say --to latest.", e);
    }

    private static CommandException Missing(WalChain chain, string archive, string? endsAt = null) => new(
        $"The WAL segment {chain.Missing[0]} is missing from {archive}, and there are later ones"
            + $"{(endsAt is null ? "" : $": {endsAt}")}. To have the books up to there, move the later ones out of it.");

    private static string EndsAt(RecoveryEnd end) => end.LastTransaction is { } time
        ? $"the last transaction before its end is of {Times.Text(time)}"
        : "no transaction comes behind the backup";

    /// <summary>What an earlier restore has left that did not come to its end.</summary>
    private async Task ClearAsync(CancellationToken cancellationToken)
    {
        string data = Path.Combine(layout.RestoredDirectory, PrivatePostgres.DataName);
        long deadline = Environment.TickCount64 + (long)UnusedBound.TotalMilliseconds;
        // A server that was killed leaves its children behind for a moment.
        while (Directory.Exists(data) && PrivatePostgres.UserOf(data) is { } pid)
        {
            if (Environment.TickCount64 > deadline) throw new CommandException($"{data} is in use by process {pid}.");
            await Task.Delay(PollInterval, cancellationToken);
        }

        if (Directory.Exists(layout.RestoredDirectory)) Directory.Delete(layout.RestoredDirectory, recursive: true);
    }
}
