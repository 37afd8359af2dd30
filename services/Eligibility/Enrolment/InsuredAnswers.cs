using Claims.V1;

namespace Claims.Eligibility.Enrolment;

/// <summary>Tells the insured of a look-up in the form that it asks for.</summary>
public sealed class InsuredAnswers
{
    private const string UsualScheme = "resident";
    private const string UsualCategory = "general";

    private readonly LookupReply _reply;
    private readonly Dictionary<string, int>? _positions;
    private string? _insuredId;

    /// <param name="asked">As the request names them; one that is named twice is answered at its first place.</param>
    /// <param name="inNumbers">
    /// <see cref="LookupReply.Enrolled"/>, by position and with numbers for dates, where <see cref="LookupReply.Insured"/> has texts:
    /// whoever reads a text for each allocates half of a look-up for them.
    /// </param>
    public InsuredAnswers(LookupReply reply, IReadOnlyList<string> asked, bool inNumbers)
    {
        ArgumentNullException.ThrowIfNull(asked);
        _reply = reply;
        if (!inNumbers) return;
        _positions = new(asked.Count, StringComparer.Ordinal);
        for (int position = 0; position < asked.Count; position++) _positions.TryAdd(asked[position], position);
    }

    /// <summary>Rows of one insured follow one another.</summary>
    /// <param name="days">Null where nothing of the plan year is covered.</param>
    public void Add(string insuredId, EnrolmentRow row, CoveredDays? days)
    {
        ArgumentNullException.ThrowIfNull(row);
        bool another = insuredId != _insuredId;
        _insuredId = insuredId;
        if (_positions is null)
        {
            if (another) _reply.Insured.Add(new Insured { InsuredId = insuredId });
            _reply.Insured[^1].Coverages.Add(InTexts(row, days));
        }
        else
        {
            if (another) _reply.Enrolled.Add(new Enrolled { Position = _positions[insuredId] });
            _reply.Enrolled[^1].Enrolments.Add(InNumbers(row, days));
        }
    }

    private static Coverage InTexts(EnrolmentRow row, CoveredDays? days)
    {
        Coverage coverage = new() { PlanYear = row.PlanYear, Scheme = row.Scheme, County = row.County, Category = row.Category };
        coverage.BeginsOn = WireDate.Text(row.BeginsLater);
        coverage.EndedOn = WireDate.Text(row.EndedOn);
        coverage.EndCause = row.EndCause;
        if (days is not { } covered) return coverage;
        coverage.Paid = true;
        coverage.WaitingFrom = WireDate.Text(covered.WaitingFrom);
        coverage.CoveredFrom = WireDate.Text(covered.CoveredFrom);
        coverage.CoveredTo = WireDate.Text(covered.CoveredTo);
        return coverage;
    }

    private static V1.Enrolment InNumbers(EnrolmentRow row, CoveredDays? days)
    {
        V1.Enrolment enrolment = new()
        {
            PlanYear = row.PlanYear,
            Scheme = row.Scheme == UsualScheme ? "" : row.Scheme,
            County = row.County,
            Category = row.Category == UsualCategory ? "" : row.Category,
            BirthDate = row.BirthDate is { } born ? WireDate.Number(born) : 0,
            BeginsOn = row.BeginsLater is { } begins ? WireDate.Number(begins) : 0,
            EndedOn = row.EndedOn is { } ended ? WireDate.Number(ended) : 0,
            EndCause = row.EndCause,
        };
        if (days is not { } covered) return enrolment;
        enrolment.Paid = true;
        enrolment.WaitingFrom = WireDate.Number(covered.WaitingFrom);
        enrolment.CoveredFrom = WireDate.Number(covered.CoveredFrom);
        enrolment.CoveredTo = WireDate.Number(covered.CoveredTo);
        return enrolment;
    }
}
