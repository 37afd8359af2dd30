using System.Globalization;
using Claims.V1;

namespace Claims.Eligibility.Enrolment;

/// <summary>
/// What a look-up knows of its insured, by position and with numbers for dates: whoever reads a text for each allocates half of a look-up for them.
/// </summary>
public static class InNumbers
{
    private const string Usual = "resident";

    /// <summary>Puts <see cref="LookupReply.Enrolled"/> in place of <see cref="LookupReply.Insured"/>.</summary>
    /// <param name="asked">As the request names them; one that is named twice is told at its first place.</param>
    public static void Tell(LookupReply reply, IReadOnlyList<string> asked)
    {
        ArgumentNullException.ThrowIfNull(reply);
        ArgumentNullException.ThrowIfNull(asked);
        Dictionary<string, int> positions = new(asked.Count, StringComparer.Ordinal);
        for (int position = 0; position < asked.Count; position++) positions.TryAdd(asked[position], position);
        foreach (Insured insured in reply.Insured)
            reply.Enrolled.Add(new Enrolled { Position = positions[insured.InsuredId], Enrolments = { insured.Coverages.Select(Of) } });
        reply.Insured.Clear();
    }

    private static V1.Enrolment Of(Coverage coverage) => new()
    {
        PlanYear = coverage.PlanYear,
        Scheme = coverage.Scheme == Usual ? "" : coverage.Scheme,
        County = coverage.County,
        Paid = coverage.Paid,
        WaitingFrom = Of(coverage.WaitingFrom),
        CoveredFrom = Of(coverage.CoveredFrom),
        CoveredTo = Of(coverage.CoveredTo),
    };

    private static int Of(string date) => date.Length == 0 ? 0 : int.Parse(date.Replace("-", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
}
