using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Claims.Hosting;

/// <summary>Shows, as metrics, whether a service's PostgreSQL gets its WAL into its archive: what it does not get there cannot be restored,
/// and fills its disk. Without an archive there is nothing to show.</summary>
public sealed class ArchiveWatch : Watch
{
    private const int TimeoutSeconds = 5;

    private readonly NpgsqlDataSource _database;
    private readonly ILogger<ArchiveWatch> _log;
    private volatile Reading? _latest;

    public ArchiveWatch(NpgsqlDataSource database, TimeProvider clock, ILogger<ArchiveWatch> log)
        : base("Claims.Postgres", clock)
    {
        (_database, _log) = (database, log);
        Meter.CreateObservableGauge("claims_postgres_archive_broken", () => Observe(reading => reading.Failing ? 1 : 0),
            description: "1: the last segment of WAL that PostgreSQL meant to archive is not archived.");
        Meter.CreateObservableGauge("claims_postgres_archived_timestamp_seconds",
            () => Observe(reading => reading.ArchivedAt).Where(measurement => measurement.Value > 0),
            description: "When PostgreSQL last archived a segment of WAL.");
    }

    /// <summary>Asks PostgreSQL once; without an answer nothing is shown rather than what was.</summary>
    public override async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlCommand read = _database.CreateCommand("""
                SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
                    coalesce(extract(epoch FROM last_archived_time)::bigint, 0)
                FROM pg_stat_archiver WHERE current_setting('archive_mode') <> 'off'
                """);
            read.CommandTimeout = TimeoutSeconds;
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
            _latest = await row.ReadAsync(cancellationToken) ? new Reading(row.GetBoolean(0), row.GetInt64(1)) : null;
        }
        catch (NpgsqlException exception)
        {
            _latest = null;
            _log.LogWarning("Whether PostgreSQL archives its WAL could not be read: {Reason}", exception.Message);
        }
    }

    /// <summary>Meters of one name in a process are told apart by this.</summary>
    internal bool Owns(Meter meter) => meter == Meter;

    private IEnumerable<Measurement<long>> Observe(Func<Reading, long> value) =>
        _latest is { } reading ? [new Measurement<long>(value(reading))] : [];

    /// <param name="ArchivedAt">Unix time in seconds; 0 for never.</param>
    private sealed record Reading(bool Failing, long ArchivedAt);
}
