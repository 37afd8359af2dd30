using System.Security.Cryptography;
using System.Text;
using Claims.Eligibility.Facilities;
using Claims.Hosting;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Clinics;

/// <summary>What a session or a machine's token stands for.</summary>
internal sealed record OpenSession(
    string FacilityCode, string FacilityName, string Clerk, DateTimeOffset ExpiresAt, bool MustChangePassword, bool IsMachine,
    byte[] StorageKey);

/// <summary>A credential as it is listed. No secret of it can be told again.</summary>
internal sealed record KeptCredential(
    string FacilityCode, string Clerk, bool IsMachine, DateTimeOffset IssuedAt, DateTimeOffset? RevokedAt, bool IsFirst, int Sessions,
    DateTimeOffset? HoldsUntil);

/// <summary>A credential cannot be issued or revoked; the message says why.</summary>
internal sealed class CredentialException(string message, bool exists = false) : Exception(message)
{
    public bool Exists { get; } = exists;
}

/// <summary>The credentials of clinics' clerks and machines, in the registry's database.</summary>
internal sealed class ClinicCredentials(NpgsqlDataSource database, EligibilitySettings settings, TimeProvider time) : IDisposable
{
    /// <summary>Wrong passwords under one name within <see cref="LockedFor"/>; then none is looked at until it has passed.</summary>
    public const int MostTries = 5;

    public static readonly TimeSpan LockedFor = TimeSpan.FromMinutes(15);
    public static readonly TimeSpan FirstPasswordHolds = TimeSpan.FromDays(7);

    private const int TokenBytes = 32;
    private const int StorageKeyBytes = 32;

    // A hash takes a processor 0.2 s: whoever guesses gets half of the machine at most, and waits.
    private static readonly int HashesAtOnce = Math.Max(1, Environment.ProcessorCount / 2);
    private static readonly TimeSpan TryKept = TimeSpan.FromDays(1);
    private static readonly TimeSpan HashWait = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _hashing = new(HashesAtOnce);

    /// <returns>The token, or after how long to try again, or neither where the credentials are wrong.</returns>
    /// <exception cref="TimeoutException">Too many are trying at this moment.</exception>
    public async Task<(string? Token, TimeSpan? Locked)> LogInAsync(
        string facilityCode, string clerk, string password, string replaces, CancellationToken cancellationToken)
    {
        if (await CountTryAsync(facilityCode, clerk, cancellationToken) is { } locked) return (null, locked);
        string? kept = await PasswordOfAsync(facilityCode, clerk, cancellationToken);
        if (!await IsAsync(password, kept, cancellationToken)) return (null, null);
        string token = NewToken();
        DateTimeOffset now = time.GetUtcNow();
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlBatch batch = new(connection)
        {
            BatchCommands =
            {
                Statement("DELETE FROM clinic_login_try WHERE facility_code = $1 AND clerk = $2", facilityCode, clerk),
                // The password that was looked at must still be the one: it may have been reset since.
                Statement("""
                    INSERT INTO clinic_token (token_sha256, facility_code, clerk, issued_at, expires_at)
                    SELECT $1, facility_code, clerk, $4, $5 FROM clinic_credential
                    WHERE facility_code = $2 AND clerk = $3 AND revoked_at IS NULL AND password_hash = $6 FOR SHARE
                    """, HashOf(token), facilityCode, clerk, now, now.AddMinutes(settings.ClinicSessionMinutes), kept!),
                Statement("INSERT INTO clinic_storage_key (facility_code, storage_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    facilityCode, RandomNumberGenerator.GetBytes(StorageKeyBytes)),
                Statement("DELETE FROM clinic_token WHERE token_sha256 = $1", HashOf(replaces)),
                Statement("DELETE FROM clinic_token WHERE expires_at < $1", now),
            },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return await CheckAsync(token, cancellationToken) is null ? (null, null) : (token, null);
    }

    /// <returns>Null where there is no such token, or it has ended.</returns>
    public async Task<OpenSession?> CheckAsync(string token, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command($"""
            SELECT t.facility_code, coalesce(({FacilityPeriods.NameSql("t.facility_code", "$3")}), ''), t.clerk,
                t.expires_at, c.is_first, c.password_hash IS NULL, k.storage_key
            FROM clinic_token t JOIN clinic_credential c USING (facility_code, clerk) LEFT JOIN clinic_storage_key k USING (facility_code)
            WHERE t.token_sha256 = $1 AND t.expires_at > $2 AND c.revoked_at IS NULL
            """, HashOf(token), time.GetUtcNow(), ChinaTime.Today(time));
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new OpenSession(row.GetString(0), row.GetString(1), row.GetString(2), row.GetFieldValue<DateTimeOffset>(3),
                row.GetBoolean(4), row.GetBoolean(5), row.GetBoolean(5) || row.IsDBNull(6) ? [] : row.GetFieldValue<byte[]>(6))
            : null;
    }

    /// <returns>Whether the old password is right; or after how long to try again.</returns>
    /// <exception cref="TimeoutException">Too many are trying at this moment.</exception>
    public async Task<(bool Changed, TimeSpan? Locked)> ChangePasswordAsync(
        OpenSession session, string token, string old, string password, CancellationToken cancellationToken)
    {
        if (await CountTryAsync(session.FacilityCode, session.Clerk, cancellationToken) is { } locked) return (false, locked);
        string? kept = await PasswordOfAsync(session.FacilityCode, session.Clerk, cancellationToken);
        if (!await IsAsync(old, kept, cancellationToken)) return (false, null);
        string hash = await HashAsync(password, cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        // The password that was looked at must still be the one: another change, or a reset, may have come first. Then nothing ends.
        NpgsqlBatchCommand change = Statement("""
            UPDATE clinic_credential SET password_hash = $3, is_first = false, holds_until = NULL
            WHERE facility_code = $1 AND clerk = $2 AND revoked_at IS NULL AND password_hash = $4
            """, session.FacilityCode, session.Clerk, hash, kept!);
        await using NpgsqlBatch batch = new(connection)
        {
            BatchCommands =
            {
                Statement("DELETE FROM clinic_login_try WHERE facility_code = $1 AND clerk = $2", session.FacilityCode, session.Clerk),
                change,
                Statement("""
                    DELETE FROM clinic_token WHERE facility_code = $1 AND clerk = $2 AND token_sha256 <> $3 AND EXISTS (
                        SELECT FROM clinic_credential WHERE facility_code = $1 AND clerk = $2 AND password_hash = $4)
                    """, session.FacilityCode, session.Clerk, HashOf(token), hash),
            },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return (change.RecordsAffected > 0, null);
    }

    public async Task LogOutAsync(string token, CancellationToken cancellationToken)
    {
        // A machine's token ends when it is revoked.
        await using NpgsqlCommand command = Command("""
            DELETE FROM clinic_token t USING clinic_credential c
            WHERE t.token_sha256 = $1 AND c.facility_code = t.facility_code AND c.clerk = t.clerk AND c.password_hash IS NOT NULL
            """, HashOf(token));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <param name="reset">In place of one that is there.</param>
    /// <param name="tokenHolds">Of a machine's; null: a first password.</param>
    /// <returns>The secret, which is told this once, and until when it holds.</returns>
    /// <exception cref="CredentialException">There is no such facility, or none to reset, or one already.</exception>
    public async Task<(string Secret, string FacilityName, DateTimeOffset HoldsUntil)> IssueAsync(
        string facilityCode, string clerk, bool reset, TimeSpan? tokenHolds, CancellationToken cancellationToken)
    {
        string secret = tokenHolds is null ? Passwords.MakeFirst() : NewToken();
        string? hash = tokenHolds is null ? await HashAsync(secret, cancellationToken) : null;
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset until = now + (tokenHolds ?? FirstPasswordHolds);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using NpgsqlCommand find = Command(
            connection, FacilityPeriods.NameSql("$1", "$2"), facilityCode, ChinaTime.Today(time));
        if (await find.ExecuteScalarAsync(cancellationToken) is not string name)
            throw new CredentialException($"the registry has no facility {facilityCode}; import it first");
        // One after the other, also where there is no row yet to lock: of two that add the same, one is told so.
        await using NpgsqlCommand alone = Command(
            connection, "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))", facilityCode, clerk);
        await alone.ExecuteNonQueryAsync(cancellationToken);
        await using NpgsqlCommand standing = Command(
            connection, "SELECT revoked_at IS NULL FROM clinic_credential WHERE facility_code = $1 AND clerk = $2", facilityCode, clerk);
        bool? stands = (bool?)await standing.ExecuteScalarAsync(cancellationToken);
        if (reset && stands is null) throw new CredentialException($"there is no credential of {facilityCode} under '{clerk}'; add it");
        if (!reset && stands is true)
            throw new CredentialException($"{facilityCode} has a credential under '{clerk}' already; reset or revoke it", exists: true);
        foreach (NpgsqlCommand statement in (NpgsqlCommand[])
        [
            Command(connection, "DELETE FROM clinic_token WHERE facility_code = $1 AND clerk = $2", facilityCode, clerk),
            Command(connection, "DELETE FROM clinic_login_try WHERE facility_code = $1 AND clerk = $2", facilityCode, clerk),
            Command(connection, """
                INSERT INTO clinic_credential (facility_code, clerk, password_hash, is_first, holds_until, issued_at)
                VALUES ($1, $2, $3, $3 IS NOT NULL, $4, $5)
                ON CONFLICT (facility_code, clerk) DO UPDATE SET password_hash = excluded.password_hash, is_first = excluded.is_first,
                    holds_until = excluded.holds_until, issued_at = excluded.issued_at, revoked_at = NULL
                """, facilityCode, clerk, (object?)hash ?? DBNull.Value, until, now),
        ])
        {
            await using (statement) await statement.ExecuteNonQueryAsync(cancellationToken);
        }

        if (tokenHolds is not null)
        {
            await using NpgsqlCommand token = Command(connection, """
                INSERT INTO clinic_token (token_sha256, facility_code, clerk, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)
                """, HashOf(secret), facilityCode, clerk, now, until);
            await token.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return (secret, name, until);
    }

    /// <param name="clerk">Empty: every one of the facility's.</param>
    /// <returns>How many were revoked now.</returns>
    public async Task<int> RevokeAsync(string facilityCode, string clerk, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command("""
            WITH revoked AS (
                UPDATE clinic_credential SET revoked_at = $3
                WHERE facility_code = $1 AND ($2 = '' OR clerk = $2) AND revoked_at IS NULL RETURNING facility_code, clerk
            ), ended AS (
                DELETE FROM clinic_token t USING revoked r WHERE t.facility_code = r.facility_code AND t.clerk = r.clerk
            )
            SELECT count(*)::integer FROM revoked
            """, facilityCode, clerk, time.GetUtcNow());
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <param name="facilityCode">Empty: of every facility.</param>
    public async Task<IReadOnlyList<KeptCredential>> ListAsync(string facilityCode, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command("""
            SELECT c.facility_code, c.clerk, c.password_hash IS NULL, c.issued_at, c.revoked_at, c.is_first, c.holds_until,
                (SELECT count(*)::integer FROM clinic_token t
                    WHERE t.facility_code = c.facility_code AND t.clerk = c.clerk AND t.expires_at > $2)
            FROM clinic_credential c WHERE $1 = '' OR c.facility_code = $1 ORDER BY c.facility_code, c.clerk
            """, facilityCode, time.GetUtcNow());
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        List<KeptCredential> all = [];
        while (await row.ReadAsync(cancellationToken))
        {
            all.Add(new KeptCredential(
                row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetFieldValue<DateTimeOffset>(3),
                row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4), row.GetBoolean(5), row.GetInt32(7),
                row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6)));
        }

        return all;
    }

    public void Dispose() => _hashing.Dispose();

    /// <summary>Counted before the password is looked at: of many tries at once no more than allowed get that far.</summary>
    /// <returns>After how long to try again; null where this try may be made.</returns>
    private async Task<TimeSpan?> CountTryAsync(string facilityCode, string clerk, CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        await using NpgsqlCommand command = Command("""
            WITH swept AS (
                DELETE FROM clinic_login_try WHERE last_at < $5 AND NOT (facility_code = $1 AND clerk = $2)
            )
            INSERT INTO clinic_login_try AS old (facility_code, clerk, tries, last_at) VALUES ($1, $2, 1, $3)
            ON CONFLICT (facility_code, clerk) DO UPDATE SET
                tries = CASE WHEN old.last_at <= $4 THEN 1 ELSE least(old.tries + 1, $6 + 1) END,
                last_at = CASE WHEN old.last_at > $4 AND old.tries >= $6 THEN old.last_at ELSE $3 END
            RETURNING tries, last_at
            """, facilityCode, clerk, now, now - LockedFor, now - TryKept, MostTries);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return row.GetInt32(0) <= MostTries ? null : row.GetFieldValue<DateTimeOffset>(1) + LockedFor - now;
    }

    private async Task<string?> PasswordOfAsync(string facilityCode, string clerk, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command("""
            SELECT password_hash FROM clinic_credential
            WHERE facility_code = $1 AND clerk = $2 AND revoked_at IS NULL AND (holds_until IS NULL OR holds_until > $3)
            """, facilityCode, clerk, time.GetUtcNow());
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private Task<bool> IsAsync(string password, string? kept, CancellationToken cancellationToken) =>
        WithinHashesAsync(() => Passwords.Is(password, kept), cancellationToken);

    private Task<string> HashAsync(string password, CancellationToken cancellationToken) =>
        WithinHashesAsync(() => Passwords.Hash(password), cancellationToken);

    private async Task<T> WithinHashesAsync<T>(Func<T> hash, CancellationToken cancellationToken)
    {
        if (!await _hashing.WaitAsync(HashWait, cancellationToken)) throw new TimeoutException("too many passwords are being looked at");
        try
        {
            return await Task.Run(hash, cancellationToken);
        }
        finally
        {
            _hashing.Release();
        }
    }

    private static string NewToken() =>
        Convert.ToBase64String(RandomNumberGenerator.GetBytes(TokenBytes)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        NpgsqlCommand command = database.CreateCommand(sql);
        foreach (object value in values) command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] values)
    {
        NpgsqlCommand command = new(sql, connection);
        foreach (object value in values) command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlBatchCommand Statement(string sql, params object[] values)
    {
        NpgsqlBatchCommand statement = new(sql);
        foreach (object value in values) statement.Parameters.Add(Parameter(value));
        return statement;
    }

    private static NpgsqlParameter Parameter(object value) => value is DBNull or string
        ? new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Text }
        : new NpgsqlParameter { Value = value };
}
