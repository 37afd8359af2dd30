using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Npgsql;

namespace Claims.Hosting;

/// <summary>A migration that cannot be applied, or that does not agree with what the database has recorded. The message names the
/// file.</summary>
public sealed class MigrationException : Exception
{
    public MigrationException(string message) : base(message)
    {
    }

    public MigrationException(string message, Exception inner) : base(message, inner)
    {
    }
}

/// <summary>Brings a database to the schema of an assembly, from its embedded <c>migrations/NNN_name.sql</c> files, numbered from 001
/// without a gap.</summary>
public static partial class Migrations
{
    // Any constant serves: an advisory lock is private to its database.
    private const long AdvisoryLockKey = 0x636c_6169_6d73;

    private const int LockWaitSeconds = 120;

    /// <summary>Applies what is missing, each file in a transaction of its own, recorded with its SHA-256 in
    /// <c>schema_migration</c>.</summary>
    /// <remarks>Services that start at the same time take turns: the second finds nothing left to do. A login that may only read is
    /// enough where nothing is missing.</remarks>
    /// <returns>The files applied by this call, in order; empty when the database was up to date.</returns>
    /// <exception cref="MigrationException">A file is misnamed, missing, out of order, changed since it was applied, or refused by
    /// PostgreSQL; or one is missing and the login may not make tables.</exception>
    public static async Task<IReadOnlyList<string>> ApplyAsync(
        NpgsqlDataSource database, Assembly assembly, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(assembly);
        List<Migration> migrations = Read(assembly);

        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_lock({AdvisoryLockKey.ToString(CultureInfo.InvariantCulture)})",
            LockWaitSeconds, cancellationToken);
        try
        {
            Dictionary<string, string> recorded = await ReadRecordedAsync(connection, cancellationToken);
            Verify(migrations, recorded);
            List<Migration> missing = [.. migrations.Where(migration => !recorded.ContainsKey(migration.File))];
            // A service whose login owns nothing finds here that there is nothing to do, or ends.
            if (missing.Count == 0) return [];
            await RequireOwnerAsync(connection, missing[0].File, cancellationToken);
            await ExecuteAsync(connection, """
                CREATE TABLE IF NOT EXISTS schema_migration (
                    file       text PRIMARY KEY,
                    sha256     text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """, LockWaitSeconds, cancellationToken);

            List<string> applied = [];
            foreach (Migration migration in missing)
            {
                await ApplyOneAsync(connection, migration, cancellationToken);
                applied.Add(migration.File);
            }

            return applied;
        }
        finally
        {
            // Should the connection have broken, the server has released the lock with the session.
            if (connection.FullState.HasFlag(System.Data.ConnectionState.Open))
            {
                await ExecuteAsync(connection, $"SELECT pg_advisory_unlock({AdvisoryLockKey.ToString(CultureInfo.InvariantCulture)})",
                    LockWaitSeconds, CancellationToken.None);
            }
        }
    }

    private static List<Migration> Read(Assembly assembly)
    {
        List<Migration> migrations = [];
        foreach (string resource in assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.OrdinalIgnoreCase)))
        {
            Match match = ResourceName().Match(resource);
            if (!match.Success) throw new MigrationException($"Embedded file {resource} is not named migrations/NNN_name.sql.");
            using Stream stream = assembly.GetManifestResourceStream(resource)!;
            using MemoryStream content = new();
            stream.CopyTo(content);
            byte[] bytes = content.ToArray();
            migrations.Add(new Migration(
                int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture),
                match.Groups["file"].Value,
                System.Text.Encoding.UTF8.GetString(bytes),
                Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }

        migrations.Sort((one, other) => one.Number != other.Number
            ? one.Number.CompareTo(other.Number)
            : string.CompareOrdinal(one.File, other.File));
        for (int index = 0; index < migrations.Count; index++)
        {
            if (migrations[index].Number == index + 1) continue;
            throw new MigrationException(index > 0 && migrations[index].Number == migrations[index - 1].Number
                ? $"Migrations {migrations[index - 1].File} and {migrations[index].File} carry the same number."
                : $"Migration {index + 1:000} is missing: {migrations[index].File} comes "
                    + $"after {(index == 0 ? "nothing" : migrations[index - 1].File)}.");
        }

        return migrations;
    }

    private static void Verify(List<Migration> migrations, Dictionary<string, string> recorded)
    {
        foreach (string file in recorded.Keys.Order(StringComparer.Ordinal))
        {
            if (migrations.All(migration => migration.File != file))
            {
                throw new MigrationException($"The database has migration {file}, which this program does not contain: it is older than "
                    + $"the database, or the file was renamed.");
            }
        }

        bool unapplied = false;
        foreach (Migration migration in migrations)
        {
            if (!recorded.TryGetValue(migration.File, out string? sha256))
            {
                unapplied = true;
            }
            else if (unapplied)
            {
                throw new MigrationException($"Migration {migration.File} is recorded although an earlier one is "
                    + $"not: {migrations.First(earlier => !recorded.ContainsKey(earlier.File)).File} is out of order.");
            }
            else if (sha256 != migration.Sha256)
            {
                throw new MigrationException($"Migration {migration.File} was changed after it was applied: recorded SHA-256 {sha256}, "
                    + $"now {migration.Sha256}. Restore the file and put the change into a new one.");
            }
        }
    }

    private static async Task<Dictionary<string, string>> ReadRecordedAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        Dictionary<string, string> recorded = new(StringComparer.Ordinal);
        await using NpgsqlCommand table = new("SELECT to_regclass('schema_migration') IS NOT NULL", connection);
        if (await table.ExecuteScalarAsync(cancellationToken) is not true) return recorded;
        await using NpgsqlCommand command = new("SELECT file, sha256 FROM schema_migration", connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) recorded.Add(reader.GetString(0), reader.GetString(1));
        return recorded;
    }

    private static async Task RequireOwnerAsync(NpgsqlConnection connection, string missing, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(
            "SELECT current_user WHERE NOT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)",
            connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is string login)
            throw new MigrationException($"Migration {missing} is missing, and {login} may not apply it: run this program once with "
                + $"{MigrationRun.Argument}, as the login that owns the tables");
    }

    private static async Task ApplyOneAsync(NpgsqlConnection connection, Migration migration, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
            // Without a limit: building an index on a full table takes as long as it takes, and no one is served meanwhile.
            await ExecuteAsync(connection, migration.Sql, timeoutSeconds: 0, cancellationToken);
            await using NpgsqlCommand record = new("INSERT INTO schema_migration (file, sha256) VALUES ($1, $2)", connection, transaction);
            record.Parameters.Add(new NpgsqlParameter<string> { TypedValue = migration.File });
            record.Parameters.Add(new NpgsqlParameter<string> { TypedValue = migration.Sha256 });
            await record.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (PostgresException refused)
        {
            throw new MigrationException($"Migration {migration.File} failed and was rolled back: {refused.MessageText}", refused);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, int timeoutSeconds, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(sql, connection) { CommandTimeout = timeoutSeconds };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // Both "migrations/001_a.sql" (a LogicalName) and "Claims.Ledger.migrations.001_a.sql" (the compiler's own naming).
    [GeneratedRegex(@"(?:^|[./\\])migrations[./\\](?<file>(?<number>[0-9]{3})_[a-z0-9_]+\.sql)$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ResourceName();

    private sealed record Migration(int Number, string File, string Sql, string Sha256);
}
