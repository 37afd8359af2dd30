using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Closing;

/// <summary>Closes months of posting, for good. What is booked later for their visits is posted in an open month.</summary>
internal sealed class ClosedMonths(NpgsqlDataSource database, PostgresTrust trust, TimeProvider clock)
{
    // The closing adds up every posting so far.
    private const int TimeoutSeconds = 300;

    /// <summary>Nothing is posted into the month or an earlier one once this returns, and its closing balances stand. Again: the same
    /// answer.</summary>
    /// <param name="month">Its first day.</param>
    /// <param name="caller">Who closes it, a URI.</param>
    /// <returns>First day of the latest closed month; it may be later than <paramref name="month"/>.</returns>
    /// <exception cref="MonthStaysOpenException">It has not ended, or an earlier month that has entries is open.</exception>
    public async Task<DateOnly> CloseAsync(DateOnly month, string caller, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateOnly today = ChinaTime.DayOf(now);
        if (today < month.AddMonths(1))
            throw new MonthStaysOpenException(
            $"the month {month:yyyy-MM} has not ended: today is {today:yyyy-MM-dd} in China Standard Time");
        if (await ClosedThroughAsync(cancellationToken) is { } already && already >= month) return already;

        await trust.RequireAsync(cancellationToken);
        await using NpgsqlCommand close = database.CreateCommand("""
            WITH closed AS (
                INSERT INTO closed_month (closed_through, closed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING closed_through
            ), added AS (
                INSERT INTO batch (posted_at) SELECT $2 FROM closed RETURNING batch_id
            )
            INSERT INTO act (batch_id, kind, subject, detail, caller, actor, acted_at)
            SELECT batch_id, 'MONTH_CLOSED', to_char(closed_through, 'YYYY-MM'), '', $3, '', $2 FROM closed, added
            """);
        close.CommandTimeout = TimeoutSeconds;
        close.Parameters.Add(new() { Value = month });
        close.Parameters.Add(new() { Value = now });
        close.Parameters.Add(new() { Value = caller });
        try
        {
            await close.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused) when (refused.ConstraintName == "months_close_in_order")
        {
            // Another closing may have come first, of this month or a later one.
            if (await ClosedThroughAsync(cancellationToken) is { } meanwhile && meanwhile >= month) return meanwhile;
            throw new MonthStaysOpenException($"{refused.MessageText}; it is closed first");
        }

        return await ClosedThroughAsync(cancellationToken)
            ?? throw new InvalidOperationException("the month that was just closed is not there");
    }

    private async Task<DateOnly?> ClosedThroughAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand("SELECT max(closed_through) FROM closed_month");
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return await row.IsDBNullAsync(0, cancellationToken) ? null : row.GetFieldValue<DateOnly>(0);
    }
}

/// <summary>A month cannot be closed yet; the message says why.</summary>
internal sealed class MonthStaysOpenException(string reason) : Exception(reason);
