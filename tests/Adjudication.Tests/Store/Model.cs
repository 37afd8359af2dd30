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
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("reversed");
            if (earlier.Kind != "settlement" || earlier.Content != visit.Content) return ModelAnswer.Of("conflict");
            return earlier.Fate switch
            {
                "cancelled" => ModelAnswer.Of("cancelled"),
                "reversed" => ModelAnswer.Of("reversed"),
                _ => earlier.Answer with { Outcome = "replay" },
            };
        }

        ModelAnswer answer = Compute(visit) with { Outcome = "new" };
        _entries[(visit.Insured, visit.Facility, visit.Request)] = new Entry("settlement", visit.Content, answer) { Visit = visit, Rank = ++_clock };
        return answer;
    }

    public ModelAnswer Quote(ModelVisit visit) => Compute(visit) with { Outcome = "quoted" };

    public ModelAnswer Cancel(string insured, string facility, string request, string target)
    {
        string content = $"cancel {target}";
        if (_entries.TryGetValue((insured, facility, request), out Entry? earlier))
        {
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("reversed");
            if (earlier.Kind != "cancellation" || earlier.Content != content) return ModelAnswer.Of("conflict");
            return earlier.Fate == "undone" ? ModelAnswer.Of("reversed") : earlier.Answer with { Outcome = "replay" };
        }

        if (!_entries.TryGetValue((insured, facility, target), out Entry? settlement) || settlement.Kind != "settlement") return ModelAnswer.Of("targetunknown");
        if (settlement.Fate != "stands") return ModelAnswer.Of("targetundone");
        if (LaterStands(settlement)) return ModelAnswer.Of("blockedbylater");
        ModelAnswer answer = settlement.Answer with { Outcome = "new", CapUsedBeforeFen = PaidFen(insured, settlement.Visit!.Day.Year) };
        settlement.Fate = "cancelled";
        _entries[(insured, facility, request)] = new Entry("cancellation", content, answer) { Undid = settlement };
        return answer;
    }

    public ModelAnswer Reverse(string insured, string facility, string request, string target)
    {
        string content = $"reverse {target}";
        if (_entries.TryGetValue((insured, facility, request), out Entry? earlier))
        {
            if (earlier.Kind == "tombstone") return ModelAnswer.Of("reversed");
            return earlier.Kind == "reversal" && earlier.Content == content ? earlier.Answer with { Outcome = "replay" } : ModelAnswer.Of("conflict");
        }

        ModelAnswer answer;
        if (_entries.TryGetValue((insured, facility, target), out Entry? original) && original is { Kind: "settlement", Fate: "stands" })
        {
            if (LaterStands(original)) return ModelAnswer.Of("blockedbylater");
            answer = original.Answer with { Outcome = "new", Did = "settlement undone", CapUsedBeforeFen = PaidFen(insured, original.Visit!.Day.Year) };
            original.Fate = "reversed";
        }
        else if (original is { Kind: "cancellation", Fate: "stands" })
        {
            Entry settlement = original.Undid!;
            ModelVisit visit = settlement.Visit!;
            bool counts = visit.AllowanceFen is null;
            if (counts && settlement.Answer.FundPayFen > 0 && PaidFen(insured, visit.Day.Year) + settlement.Answer.FundPayFen > visit.CapFen) return ModelAnswer.Of("restoreimpossible");
            if (settlement.Answer.DeductibleFen > 0 && BorneFen(visit) + settlement.Answer.DeductibleFen > visit.TariffFen) return ModelAnswer.Of("restoreimpossible");
            answer = settlement.Answer with { Outcome = "new", Did = "cancellation undone", CapUsedBeforeFen = PaidFen(insured, visit.Day.Year) };
            settlement.Fate = "stands";
            settlement.Rank = ++_clock;
            original.Fate = "undone";
        }
        else
        {
            answer = ModelAnswer.Of("new") with { Did = "nothing" };
            if (original is null) _entries[(insured, facility, target)] = new Entry("tombstone", "", answer);
        }

        _entries[(insured, facility, request)] = new Entry("reversal", content, answer);
        return answer;
    }

    /// <summary>What the fund has paid under the cap.</summary>
    public long PaidFen(string insured, int year) =>
        Standing(insured).Where(entry => entry.Visit!.Day.Year == year && entry.Visit.AllowanceFen is null).Sum(entry => entry.Answer.FundPayFen);

    public long BorneFen(ModelVisit visit) =>
        Standing(visit.Insured).Where(entry => entry.Visit!.Day == visit.Day && entry.Visit.Facility == visit.Facility).Sum(entry => entry.Answer.DeductibleFen);

    public IEnumerable<ModelVisit> Visits => _entries.Values.Where(entry => entry.Kind == "settlement").Select(entry => entry.Visit!);

    private IEnumerable<Entry> Standing(string insured) =>
        _entries.Where(entry => entry.Key.Insured == insured && entry.Value is { Kind: "settlement", Fate: "stands" }).Select(entry => entry.Value);

    private bool LaterStands(Entry settlement) => settlement.Answer.DeductibleFen > 0 && Standing(settlement.Visit!.Insured)
        .Any(other => other.Rank > settlement.Rank && other.Visit!.Facility == settlement.Visit.Facility && other.Visit.Day == settlement.Visit.Day);

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

        public string Fate { get; set; } = "stands";

        public int Rank { get; set; }

        public ModelVisit? Visit { get; init; }

        public Entry? Undid { get; init; }
    }
}

internal sealed record ModelVisit(string Insured, string Facility, string Request, DateOnly Day, long TotalFen, long InScopeFen, int RateBasisPoints, long TariffFen, long CapFen, long? AllowanceFen)
{
    public string Content => $"{Day}|{TotalFen}|{InScopeFen}|{AllowanceFen}";
}

/// <param name="Did">What a reversal undid.</param>
internal sealed record ModelAnswer(string Outcome, long DeductibleFen, long FundPayFen, long CapUsedBeforeFen, string Did = "")
{
    public static ModelAnswer Of(string outcome) => new(outcome, 0, 0, 0);
}
