using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Closing;

/// <summary>Closes years of visits, for good.</summary>
internal sealed class ClosedYears(NpgsqlDataSource database, PostgresTrust trust, YearProposals proposals, TimeProvider clock)
{
    // The search for open years reads the sub-ledger once.
    private const int TimeoutSeconds = 300;

    /// <summary>Nothing is entered into the year or an earlier one once this returns. Again: the same answer.</summary>
    /// <param name="caller">Who closes it, a URI.</param>
    /// <returns>The latest closed year; it may be later than <paramref name="year"/>.</returns>
    /// <exception cref="YearStaysOpenException">It has not ended, its closing may still be taken back, or an earlier year that has entries
    /// is open.</exception>
    public async Task<int> CloseAsync(int year, string caller, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        YearProposals.RequireEnded(year, now);
        if (await ClosedThroughAsync(cancellationToken) is { } already && already >= year) return already;
        if (await EarliestOpenYearAsync(cancellationToken) is { } earlier && earlier < year)
            throw new YearStaysOpenException($"the year {earlier} has entries and is open; it is closed first");

        await trust.RequireAsync(cancellationToken);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await proposals.RequireDueAsync(connection, year, cancellationToken);
        await using NpgsqlCommand close = new("""
            WITH closed AS (
                INSERT INTO closed_year (closed_through, closed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING closed_through
            ), added AS (
                INSERT INTO batch (posted_at) SELECT $2 FROM closed RETURNING batch_id
            )
            INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
            SELECT batch_id, 'YEAR_CLOSED', closed_through::text, '', $3, '', $2 FROM closed, added
            """, connection) { CommandTimeout = TimeoutSeconds };
        close.Parameters.Add(new() { Value = year });
        close.Parameters.Add(new() { Value = now });
        close.Parameters.Add(new() { Value = caller });
        await close.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return await ClosedThroughAsync(cancellationToken)
            ?? throw new InvalidOperationException("the year that was just closed is not there");
    }

    private Task<int?> ClosedThroughAsync(CancellationToken cancellationToken) =>
        YearAsync("SELECT max(closed_through) FROM closed_year", cancellationToken);

    private Task<int?> EarliestOpenYearAsync(CancellationToken cancellationToken) => YearAsync("""
        SELECT extract(year FROM min(visit_date))::integer FROM sub_ledger WHERE visit_date >= first_open_day() AND kind <> 'REQUEST_ONLY'
        """, cancellationToken);

    private async Task<int?> YearAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        command.CommandTimeout = TimeoutSeconds;
        return await command.ExecuteScalarAsync(cancellationToken) as int?;
    }
}

/// <summary>A year cannot be closed yet; the message says why.</summary>
internal sealed class YearStaysOpenException(string reason) : Exception(reason);
