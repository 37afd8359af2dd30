using Microsoft.Extensions.Logging;
using Npgsql;

namespace Claims.Hosting;

/// <summary>
/// What a PostgreSQL must be for a commit that it has answered to outlive the machine: fsync, full_page_writes, and the session's
/// synchronous_commit. A server takes the first two anew while it runs, so they are asked for before every write that must last, and
/// whenever readiness is.
/// </summary>
/// <param name="acceptUnsafe">What does not hold is told and taken all the same, for data that may be lost.</param>
public sealed class PostgresTrust(NpgsqlDataSource database, bool acceptUnsafe, ILogger<PostgresTrust> log)
{
    private const int TimeoutSeconds = 5;

    // Told once, however often it is asked.
    private string _told = "";

    /// <returns>Why this PostgreSQL cannot be trusted, one sentence; null where it can, or need not be.</returns>
    /// <exception cref="NpgsqlException">It could not be asked.</exception>
    public async Task<string?> FindFaultAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand ask = database.CreateCommand("""
            SELECT array_agg(name ORDER BY name) FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
            WHERE current_setting(name) = 'off'
            """);
        ask.CommandTimeout = TimeoutSeconds;
        string fault = await ask.ExecuteScalarAsync(cancellationToken) is string[] off
            ? $"PostgreSQL must have {string.Join(" and ", off)} on; nothing is written until it has."
            : "";
        if (Interlocked.Exchange(ref _told, fault) != fault) Tell(fault);
        return fault.Length > 0 && !acceptUnsafe ? fault : null;
    }

    /// <exception cref="PostgresNotTrustedException">It cannot be trusted: nothing is to be written.</exception>
    /// <exception cref="NpgsqlException">It could not be asked.</exception>
    public async Task RequireAsync(CancellationToken cancellationToken)
    {
        if (await FindFaultAsync(cancellationToken) is { } fault) throw new PostgresNotTrustedException(fault);
    }

    private void Tell(string fault)
    {
        if (fault.Length == 0)
        {
            log.LogInformation(new EventId(1, "postgres_trusted"), "PostgreSQL is what it must be again.");
        }
        else if (acceptUnsafe)
        {
            log.LogWarning(new EventId(2, "postgres_unsafe"),
                "{Fault} Claims__AcceptUnsafePostgres takes it all the same: what is booked may be lost with the machine.", fault);
        }
        else
        {
            log.LogError(new EventId(3, "postgres_not_trusted"), "{Fault}", fault);
        }
    }
}

/// <summary>PostgreSQL answers, and what it would answer to a commit might be lost: whoever bears one that does not answer bears
/// this.</summary>
public sealed class PostgresNotTrustedException(string message) : NpgsqlException(message);
