using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Closing;

/// <summary>Closes years of visits, for good.</summary>
internal sealed class ClosedYears(NpgsqlDataSource database, PostgresTrust trust, TimeProvider clock)
{
    // The search for open years reads the sub-ledger once.
    private const int TimeoutSeconds = 300;

    /// <summary>Nothing is entered into the year or an earlier one once this returns. Again: the same answer.</summary>
    /// <returns>The latest closed year; it may be later than <paramref name="year"/>.</returns>
    /// <exception cref="YearStaysOpenException">It has not ended, or an earlier year that has entries is open.</exception>
    public async Task<int> CloseAsync(int year, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateOnly today = ChinaTime.DayOf(now);
        if (today.Year <= year)
            throw new YearStaysOpenException($"the year {year} has not ended: today is {today:yyyy-MM-dd} in China Standard Time");
        if (await ClosedThroughAsync(cancellationToken) is { } already && already >= year) return already;
        if (await EarliestOpenYearAsync(cancellationToken) is { } earlier && earlier < year)
            throw new YearStaysOpenException($"the year {earlier} has entries and is open; it is closed first");

        await trust.RequireAsync(cancellationToken);
        await using NpgsqlCommand close =
            database.CreateCommand("INSERT INTO closed_year (closed_through, closed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        close.CommandTimeout = TimeoutSeconds;
        close.Parameters.Add(new() { Value = year });
        close.Parameters.Add(new() { Value = now });
        await close.ExecuteNonQueryAsync(cancellationToken);
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
