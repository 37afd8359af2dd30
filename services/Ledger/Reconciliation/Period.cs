using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Reconciliation;

/// <summary>Which entries are reconciled: those of some days.</summary>
/// <param name="From">First day, in China Standard Time.</param>
/// <param name="To">Last day, inclusive.</param>
internal sealed record Period(DateOnly From, DateOnly To, DayBasis Basis)
{
    private const int MostDays = 366;

    /// <summary>Holds for the rows of sub_ledger in the period; $1 to $5 are <see cref="AddParameters"/>'s.</summary>
    // A visit in the future is not settled, so no entry is older than its visit: this bounds the rows that are looked at.
    public string SqlCondition => Basis == DayBasis.VisitDay
        ? "kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION') AND visit_date BETWEEN $4 AND $5 AND settled_at >= $2"
        : "kind IN ('SETTLEMENT', 'CANCELLATION', 'RESTORATION') AND settled_at >= $2 AND settled_at < $3";

    /// <exception cref="ReconciliationRequestException">It is not a period.</exception>
    public static Period Of(ReconciliationPeriod? period)
    {
        if (period is null) throw new ReconciliationRequestException("period is missing", "未填对账期（period）");
        DateOnly from = Day(period.From, "period.from");
        DateOnly to = Day(period.To, "period.to");
        if (to < from)
            throw new ReconciliationRequestException("period.to is before period.from", "对账期的止日（period.to）早于起日（period.from）");
        if (to.DayNumber - from.DayNumber >= MostDays)
            throw new ReconciliationRequestException($"the period is longer than {MostDays} days", $"对账期超过 {MostDays} 天");
        if (period.Basis is not (DayBasis.SettlementDay or DayBasis.VisitDay))
            throw new ReconciliationRequestException("period.basis is unknown", "对账日期口径（period.basis）不是约定的值");
        return new Period(from, to, period.Basis);
    }

    public bool IsComplete(TimeProvider clock) => ChinaTime.DayOf(clock.GetUtcNow()) > To;

    /// <summary>Chinese, of a period that has not ended; else empty.</summary>
    public string NoticeOf(TimeProvider clock) => IsComplete(clock)
        ? ""
        : $"对账期尚未结束（截至 {Text(To)} 24 时）：此后仍会有结算和撤销，结果只到目前为止，请在次日重新对账。";

    public static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public DateOnly DayOf(CentreRecord entry) => Basis == DayBasis.VisitDay ? entry.VisitDate : entry.SettledOn;

    public bool Has(CentreRecord entry) => DayOf(entry) is var day && day >= From && day <= To;

    /// <summary>$1 facility_code, $2 and $3 the instants at which the days begin and end, $4 and $5 first and last day.</summary>
    public void AddParameters(NpgsqlCommand command, string facilityCode)
    {
        command.Parameters.Add(new() { Value = facilityCode });
        command.Parameters.Add(new() { Value = ChinaTime.StartOf(From) });
        command.Parameters.Add(new() { Value = ChinaTime.StartOf(To.AddDays(1)) });
        command.Parameters.Add(new() { Value = From });
        command.Parameters.Add(new() { Value = To });
    }

    private static DateOnly Day(string text, string field) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
            && day.Year is >= 2000 and <= 2999
            ? day
            : throw new ReconciliationRequestException(
                $"{field} is not a day of the form yyyy-MM-dd", $"日期（{field}）应为 yyyy-MM-dd 形式");
}

/// <summary>What was sent cannot be reconciled; the message says why, without any personal data.</summary>
/// <param name="text">The same in Chinese, without a full stop.</param>
internal sealed class ReconciliationRequestException(string reason, string text) : Exception(reason)
{
    public string Text => text;
}
