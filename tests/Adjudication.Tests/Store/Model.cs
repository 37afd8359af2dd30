namespace Adjudication.Tests.Store;

/// <summary>
/// The rules once more, written from the documents and sharing nothing with the service: decimal arithmetic in yuan, and
/// the standing of an insured counted anew each time from the settlements that stand.
/// </summary>
internal sealed class Model
{
    private readonly Dictionary<(string Insured, string Facility, string Request), Entry> _entries = [];
    private int _clock;

    public ModelAnswer Settle(ModelVisit visit)
    {
        if (_entries.TryGetValue((visit.Insured, visit.Facility, visit.Request), out Entry? earlier))
        {
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("REQUEST_REVERSED");
            if (earlier.Kind != "settlement" || earlier.Content != visit.Content) return ModelAnswer.Of("DUPLICATE_CONFLICT", earlier.Name);
            return earlier.Fate switch
            {
                "cancelled" => ModelAnswer.Of("REQUEST_CANCELLED", earlier.Name),
                "reversed" => ModelAnswer.Of("REQUEST_REVERSED", earlier.Name),
                _ => earlier.Answer with { Outcome = "replay" },
            };
        }

        if (Hindrance(visit) is { } hindrance) return hindrance;
        ModelAnswer answer = Compute(visit) with { Outcome = "new" };
        Put(visit.Insured, visit.Facility, visit.Request,
            new Entry("settlement", visit.Content, answer) { Visit = visit, Rank = ++_clock });
        return answer;
    }

    public ModelAnswer Quote(ModelVisit visit) => Hindrance(visit) ?? Compute(visit) with { Outcome = "quoted" };

    public ModelAnswer Cancel(string insured, string facility, string request, string target)
    {
        string content = $"cancel {target}";
        if (_entries.TryGetValue((insured, facility, request), out Entry? earlier))
        {
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("REQUEST_REVERSED");
            if (earlier.Kind != "cancellation" || earlier.Content != content) return ModelAnswer.Of("DUPLICATE_CONFLICT", earlier.Name);
            return earlier.Fate == "undone" ? ModelAnswer.Of("REQUEST_REVERSED", earlier.Name) : earlier.Answer with { Outcome = "replay" };
        }

        if (!_entries.TryGetValue((insured, facility, target), out Entry? settlement) || settlement.Kind != "settlement")
            return ModelAnswer.Of("SETTLEMENT_UNKNOWN");
        if (settlement.Fate != "stands") return ModelAnswer.Of("ALREADY_CANCELLED", settlement.Name);
        if (LaterStanding(settlement) is { } later) return ModelAnswer.Of("CANCEL_BLOCKED_BY_LATER_SETTLEMENT", later.Name);
        ModelAnswer answer = settlement.Answer with { Outcome = "new", CapUsedBeforeFen = PaidFen(insured, settlement.Visit!.Day.Year) };
        settlement.Fate = "cancelled";
        Put(insured, facility, request, new Entry("cancellation", content, answer) { Undid = settlement });
        return answer;
    }

    public ModelAnswer Reverse(string insured, string facility, string request, string target)
    {
        string content = $"reverse {target}";
        if (_entries.TryGetValue((insured, facility, request), out Entry? earlier))
        {
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("REQUEST_REVERSED");
            return earlier.Kind == "reversal" && earlier.Content == content
                ? earlier.Answer with { Outcome = "replay" }
                : ModelAnswer.Of("DUPLICATE_CONFLICT", earlier.Name);
        }

        ModelAnswer answer;
        if (_entries.TryGetValue((insured, facility, target), out Entry? original) && original is { Kind: "settlement", Fate: "stands" })
        {
            if (LaterStanding(original) is { } later) return ModelAnswer.Of("CANCEL_BLOCKED_BY_LATER_SETTLEMENT", later.Name);
            answer = original.Answer with
            {
                Outcome = "new",
                Did = "settlement undone",
                CapUsedBeforeFen = PaidFen(insured, original.Visit!.Day.Year),
            };
            original.Fate = "reversed";
        }
        else if (original is { Kind: "cancellation", Fate: "stands" })
        {
            Entry settlement = original.Undid!;
            ModelVisit visit = settlement.Visit!;
            bool counts = visit.AllowanceFen is null;
            if (counts && settlement.Answer.FundPayFen > 0
                && PaidFen(insured, visit.Day.Year) + settlement.Answer.FundPayFen > visit.CapFen) return ModelAnswer.Of(
                "RESTORE_IMPOSSIBLE");
            if (settlement.Answer.DeductibleFen > 0 && BorneFen(visit) + settlement.Answer.DeductibleFen > visit.TariffFen)
                return ModelAnswer.Of("RESTORE_IMPOSSIBLE");
            if (Hindrance(visit) is { } hindrance) return hindrance with { Outcome = "RESTORE_IMPOSSIBLE" };
            answer = settlement.Answer with
            {
                Outcome = "new",
                Did = "cancellation undone",
                CapUsedBeforeFen = PaidFen(insured, visit.Day.Year),
            };
            settlement.Fate = "stands";
            settlement.Rank = ++_clock;
            original.Fate = "undone";
        }
        else
        {
            answer = ModelAnswer.Of("new") with { Did = original is null ? "nothing" : "nothing any more" };
            if (original is null) Put(insured, facility, target, new Entry("tombstone", "", answer));
        }

        Put(insured, facility, request, new Entry("reversal", content, answer));
        return answer;
    }

    /// <summary>What the fund has paid under the cap.</summary>
    public long PaidFen(string insured, int year) =>
        Standing(insured).Where(entry => entry.Visit!.Day.Year == year && entry.Visit.AllowanceFen is null)
            .Sum(entry => entry.Answer.FundPayFen);

    public long BorneFen(ModelVisit visit) =>
        Standing(visit.Insured).Where(entry => entry.Visit!.Day == visit.Day && entry.Visit.Facility == visit.Facility)
            .Sum(entry => entry.Answer.DeductibleFen);

    /// <summary>Facility, visit id and request of every settlement that stands for a visit.</summary>
    public IEnumerable<(string Facility, string VisitId, string Request)> StandingVisits(string insured) =>
        Standing(insured).Where(entry => entry.Visit!.VisitId.Length > 0)
            .Select(entry => (entry.Visit!.Facility, entry.Visit.VisitId, entry.Visit.Request));

    public IEnumerable<ModelVisit> Visits => _entries.Values.Where(entry => entry.Kind == "settlement").Select(entry => entry.Visit!);

    private IEnumerable<Entry> Standing(string insured) =>
        _entries.Where(entry => entry.Key.Insured == insured && entry.Value is { Kind: "settlement", Fate: "stands" })
            .Select(entry => entry.Value);

    /// <summary>The newest of the later settlements by rate that must be undone first.</summary>
    private Entry? LaterStanding(Entry settlement) => settlement.Answer.DeductibleFen == 0 ? null : Standing(settlement.Visit!.Insured)
        .Where(other => other.Rank > settlement.Rank && other.Visit!.AllowanceFen is null)
        .Where(other => other.Visit!.Facility == settlement.Visit.Facility && other.Visit.Day == settlement.Visit.Day)
        .MaxBy(other => other.Rank);

    /// <summary>What stands in the way of a visit: a settlement of the visit, or the newest allowance that is too near.</summary>
    private ModelAnswer? Hindrance(ModelVisit visit)
    {
        Entry? same = Standing(visit.Insured)
            .SingleOrDefault(other => visit.VisitId.Length > 0 && other.Visit!.VisitId == visit.VisitId
                && other.Visit.Facility == visit.Facility);
        if (same is not null) return ModelAnswer.Of("VISIT_ALREADY_SETTLED", same.Name);
        if (visit.AllowanceFen is null) return null;
        Entry? near = Standing(visit.Insured)
            .Where(other => other.Visit!.AllowanceFen is not null
                && Math.Abs(other.Visit.Day.DayNumber - visit.Day.DayNumber) < visit.NotAgainWithinDays)
            .MaxBy(other => other.Rank);
        return near is null ? null : ModelAnswer.Of("ALLOWANCE_ALREADY_PAID", near.Name);
    }

    private void Put(string insured, string facility, string request, Entry entry)
    {
        entry.Name = $"{facility} {request}";
        _entries[(insured, facility, request)] = entry;
    }

    private ModelAnswer Compute(ModelVisit visit)
    {
        long usedFen = PaidFen(visit.Insured, visit.Day.Year);
        if (visit.AllowanceFen is { } allowance) return new ModelAnswer("", 0, Math.Min(allowance, visit.TotalFen), usedFen);

        decimal scope = visit.InScopeFen / 100m;
        decimal left = Math.Max(0m, (visit.TariffFen - BorneFen(visit)) / 100m);
        decimal deductible = Math.Min(scope, left);
        decimal share = Math.Round((scope - deductible) * visit.RateBasisPoints / 10_000m, 2, MidpointRounding.AwayFromZero);
        decimal fund = Math.Min(share, Math.Max(0m, (visit.CapFen - usedFen) / 100m));
        return new ModelAnswer("", (long)(deductible * 100m), (long)(fund * 100m), usedFen);
    }

    private sealed class Entry(string kind, string content, ModelAnswer answer)
    {
        public string Kind { get; } = kind;

        public string Content { get; } = content;

        public ModelAnswer Answer { get; } = answer;

        /// <summary>Facility and request.</summary>
        public string Name { get; set; } = "";

        public string Fate { get; set; } = "stands";

        public int Rank { get; set; }

        public ModelVisit? Visit { get; init; }

        public Entry? Undid { get; init; }
    }
}

internal sealed record ModelVisit(string Insured, string Facility, string Request, DateOnly Day, long TotalFen, long InScopeFen,
    int RateBasisPoints, long TariffFen, long CapFen, long? AllowanceFen,
    string VisitId = "", int NotAgainWithinDays = 0)
{
    public string Content => $"{Day}|{TotalFen}|{InScopeFen}|{AllowanceFen}|{VisitId}";
}

/// <param name="Did">What a reversal undid.</param>
/// <param name="Names">Facility and request that a refusal speaks of.</param>
internal sealed record ModelAnswer(
    string Outcome, long DeductibleFen, long FundPayFen, long CapUsedBeforeFen, string Did = "", string Names = "")
{
    public static ModelAnswer Of(string outcome, string names = "") => new(outcome, 0, 0, 0, Names: names);
}
