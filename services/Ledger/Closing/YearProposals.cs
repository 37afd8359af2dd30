using System.Globalization;
using Claims.Hosting;
using Claims.Ledger.Acts;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Closing;

/// <summary>
/// A year is proposed to be closed, and closes no sooner than a delay after that: until then it can be taken back. Whoever decides about a
/// year does so under one lock, so that it is either closed or taken back.
/// </summary>
internal sealed class YearProposals(
    NpgsqlDataSource database, PostgresTrust trust, LedgerSettings settings, ActBook acts, TimeProvider clock)
{
    // Any constant serves: an advisory lock is private to its database.
    private const long TurnKey = 0x7965_6172_73;

    private static readonly ActKind[] Steps = [ActKind.YearProposed, ActKind.YearTakenBack, ActKind.YearClosedToHospitals];

    private readonly TimeSpan _delay = TimeSpan.FromHours(settings.YearCloseDelayHours);

    /// <summary>The proposal that stands, or a new one.</summary>
    /// <exception cref="YearStaysOpenException">The year has not ended.</exception>
    public async Task<YearProposal> ProposeAsync(int year, string caller, CancellationToken cancellationToken)
    {
        RequireEnded(year, clock.GetUtcNow());
        await trust.RequireAsync(cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await TakeTurnAsync(connection, cancellationToken);
        if (await IsClosedAsync(connection, year, cancellationToken)) return new YearProposal { Year = year, MayClose = true };
        Act? standing = await StandingAsync(connection, year, cancellationToken);
        standing ??= await acts.RecordAsync(connection, ActKind.YearProposed, Text(year), "", caller, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        DateTimeOffset due = DueOf(standing);
        return new YearProposal
        {
            Year = year,
            ProposedBy = standing.Caller,
            MayCloseAtUnixMs = due.ToUnixTimeMilliseconds(),
            MayClose = due <= clock.GetUtcNow(),
        };
    }

    /// <exception cref="YearStaysOpenException">Nothing is proposed, or it is too late.</exception>
    public async Task<Act> TakeBackAsync(int year, string caller, CancellationToken cancellationToken)
    {
        await trust.RequireAsync(cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await TakeTurnAsync(connection, cancellationToken);
        if (await IsClosedAsync(connection, year, cancellationToken))
            throw new YearStaysOpenException($"the year {year} is closed already");
        Act? standing = await StandingAsync(connection, year, cancellationToken)
            ?? throw new YearStaysOpenException($"the closing of {year} is not proposed");
        if (standing.Kind == ActKind.YearClosedToHospitals)
            throw new YearStaysOpenException($"the year {year} has been closed to hospitals already, by {standing.Caller}");
        Act act = await acts.RecordAsync(connection, ActKind.YearTakenBack, Text(year), "", caller, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return act;
    }

    /// <summary>Writes down that Adjudication is about to close the year.</summary>
    /// <exception cref="YearStaysOpenException">It may not yet.</exception>
    public async Task<Act> CloseToHospitalsAsync(int year, string caller, CancellationToken cancellationToken)
    {
        RequireEnded(year, clock.GetUtcNow());
        await trust.RequireAsync(cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await RequireDueAsync(connection, year, cancellationToken);
        Act act = await acts.RecordAsync(connection, ActKind.YearClosedToHospitals, Text(year), "", caller, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return act;
    }

    /// <summary>Until the connection's transaction ends, nobody takes the proposal back.</summary>
    /// <exception cref="YearStaysOpenException">The year is not proposed, or not long enough ago.</exception>
    public async Task RequireDueAsync(NpgsqlConnection connection, int year, CancellationToken cancellationToken)
    {
        await TakeTurnAsync(connection, cancellationToken);
        if (_delay == TimeSpan.Zero || await IsClosedAsync(connection, year, cancellationToken)) return;
        Act standing = await StandingAsync(connection, year, cancellationToken)
            ?? throw new YearStaysOpenException($"the closing of {year} has not been proposed, or was taken back");
        if (standing.Kind == ActKind.YearProposed && DueOf(standing) is var due && due > clock.GetUtcNow())
            throw new YearStaysOpenException(
                $"the closing of {year} was proposed by {standing.Caller} and may be taken back until {ChinaTime.Text(due)} "
                + "China Standard Time");
    }

    /// <summary>Years whose closing stands proposed, and when they may be closed.</summary>
    public async Task<IReadOnlyList<(int Year, DateTimeOffset Due)>> PendingAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = database.CreateCommand("""
            SELECT subject::integer, acted_at FROM (
                SELECT DISTINCT ON (subject) subject, kind, acted_at FROM act
                WHERE kind IN ('YEAR_PROPOSED', 'YEAR_TAKEN_BACK', 'YEAR_CLOSED_TO_HOSPITALS') ORDER BY subject, act_id DESC) AS latest
            WHERE kind = 'YEAR_PROPOSED' AND subject::integer > coalesce((SELECT max(closed_through) FROM closed_year), 0) ORDER BY subject
            """);
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellationToken);
        List<(int, DateTimeOffset)> pending = [];
        while (await row.ReadAsync(cancellationToken)) pending.Add((row.GetInt32(0), row.GetFieldValue<DateTimeOffset>(1) + _delay));
        return pending;
    }

    /// <exception cref="YearStaysOpenException">It has not.</exception>
    public static void RequireEnded(int year, DateTimeOffset now)
    {
        DateOnly today = ChinaTime.DayOf(now);
        if (today.Year <= year)
            throw new YearStaysOpenException($"the year {year} has not ended: today is {today:yyyy-MM-dd} in China Standard Time");
    }

    private DateTimeOffset DueOf(Act proposal) => DateTimeOffset.FromUnixTimeMilliseconds(proposal.ActedAtUnixMs) + _delay;

    /// <summary>The latest step, unless it was to take it back.</summary>
    private static async Task<Act?> StandingAsync(NpgsqlConnection connection, int year, CancellationToken cancellationToken) =>
        await ActBook.LatestAsync(connection, Text(year), Steps, cancellationToken) is { Kind: not ActKind.YearTakenBack } act ? act : null;

    private static async Task<bool> IsClosedAsync(NpgsqlConnection connection, int year, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = new("SELECT EXISTS (SELECT FROM closed_year WHERE closed_through >= $1)", connection);
        read.Parameters.Add(new() { Value = year });
        return (bool)(await read.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task TakeTurnAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand turn = new("SELECT pg_advisory_xact_lock($1)", connection);
        turn.Parameters.Add(new() { Value = TurnKey });
        await turn.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Text(int year) => year.ToString(CultureInfo.InvariantCulture);
}
