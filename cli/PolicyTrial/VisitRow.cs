using System.Globalization;

namespace Claims.Cli.PolicyTrial;

/// <param name="InScopeFen">All of it within the policy's scope.</param>
public sealed record TrialVisit(DateOnly Date, long InScopeFen);

/// <summary>A row of visits as <c>--amounts</c> names it: yuan, and after an @ the day, which holds until the next.</summary>
public static class VisitRow
{
    /// <summary>What a person reads through.</summary>
    private const int MostVisits = 1_000;
    private const decimal MostYuan = 10_000_000;

    /// <param name="text"><c>100,250@2025-02-01,40</c>.</param>
    /// <param name="firstDay">Of the visits before the first day that the text names.</param>
    /// <exception cref="CommandException">An amount or a day is none, or there are too many.</exception>
    public static IReadOnlyList<TrialVisit> Parse(string text, DateOnly firstDay)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length > MostVisits) throw new CommandException($"--amounts has {parts.Length} visits; {MostVisits} are taken.");
        List<TrialVisit> visits = [];
        DateOnly day = firstDay;
        foreach (string part in parts)
        {
            string[] amountAndDay = part.Split('@');
            if (!decimal.TryParse(amountAndDay[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal yuan)
                || yuan <= 0 || yuan > MostYuan || yuan * 100 != decimal.Truncate(yuan * 100))
                throw new CommandException($"'{amountAndDay[0]}' in --amounts is not an amount in yuan above 0, such as 100 or 99.50.");
            if (amountAndDay.Length > 2 || (amountAndDay.Length == 2 && !DateOnly.TryParseExact(
                amountAndDay[1], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day)))
                throw new CommandException($"'{part}' in --amounts does not have a day of the form yyyy-MM-dd after its @.");
            visits.Add(new(day, (long)(yuan * 100)));
        }

        return visits;
    }
}
