namespace Adjudication.Tests.Merging;

/// <summary>Two ids and the person or persons behind them: settlements that stand are counted anew each time.</summary>
internal sealed class MergeModel(string merged, string other)
{
    public const long TariffFen = 4_000;
    public const long CapFen = 30_000;
    private const int RateBasisPoints = 5_500;

    private readonly Dictionary<(string Id, string Request), Visit> _visits = [];
    private readonly HashSet<string> _used = [];
    private int _clock;

    /// <summary>Whether both are one by now.</summary>
    public bool IsMerged { get; private set; }

    /// <summary>Whether anything was settled or undone since.</summary>
    private bool _movedSince;

    /// <summary>Deductible and fund payment, or why not.</summary>
    public string Settle(string id, string request, DateOnly day, long fen, string visitId = "")
    {
        string content = $"{day} {fen} {visitId}";
        if (_visits.TryGetValue((id, request), out Visit? earlier) && earlier.Content != content) return "DUPLICATE_CONFLICT";
        if (earlier is not null)
            return earlier.Stands ? $"replay {earlier.BorneFen} {earlier.PaidFen}" : "REQUEST_CANCELLED";
        if (visitId.Length > 0 && Standing(id).Any(visit => visit.VisitId == visitId)) return "VISIT_ALREADY_SETTLED";
        long left = Math.Max(0, TariffFen - Standing(id).Where(visit => visit.Day == day).Sum(visit => visit.BorneFen));
        long borne = Math.Min(fen, left);
        long share = (long)Math.Round((fen - borne) * (decimal)RateBasisPoints / 10_000, MidpointRounding.AwayFromZero);
        long paid = Math.Min(share, Math.Max(0, CapFen - PaidFen(id, day.Year)));
        _visits[(id, request)] = new Visit(day, borne, paid, visitId, content) { Rank = ++_clock };
        _movedSince = true;
        return $"new {borne} {paid}";
    }

    /// <param name="target">Settled under this id, or under the other where both are one.</param>
    public string Cancel(string id, string request, string target)
    {
        if (!_used.Add($"{id} {request}")) throw new InvalidOperationException("the model knows no repeated cancellation");
        string name = _visits.ContainsKey((id, target)) || !IsMerged || id == merged ? id : merged;
        if (!_visits.TryGetValue((name, target), out Visit? settled)) return "SETTLEMENT_UNKNOWN";
        if (!settled.Stands) return "ALREADY_CANCELLED";
        if (settled.BorneFen > 0 && Standing(id).Any(visit => visit.Day == settled.Day && visit.Rank > settled.Rank))
            return "CANCEL_BLOCKED_BY_LATER_SETTLEMENT";
        settled.Stands = false;
        _movedSince = true;
        return $"new {settled.BorneFen} {settled.PaidFen}";
    }

    public void Merge()
    {
        if (IsMerged) return;
        IsMerged = true;
        _movedSince = false;
        foreach (Visit visit in Of(merged).OrderBy(visit => visit.Rank).ToArray()) visit.Rank = ++_clock;
    }

    /// <returns>False where they stay one.</returns>
    public bool Part()
    {
        if (IsMerged && _movedSince) return false;
        IsMerged = false;
        return true;
    }

    public long PaidFen(string id, int year) => Standing(id).Where(visit => visit.Day.Year == year).Sum(visit => visit.PaidFen);

    public long BorneFen(string id, DateOnly day) => Standing(id).Where(visit => visit.Day == day).Sum(visit => visit.BorneFen);

    public int StandingOf(string id) => Standing(id).Count();

    private IEnumerable<Visit> Of(string id) => _visits.Where(visit => visit.Key.Id == id).Select(visit => visit.Value);

    private IEnumerable<Visit> Standing(string id) =>
        (IsMerged ? Of(merged).Concat(Of(other)) : Of(id)).Where(visit => visit.Stands);

    private sealed record Visit(DateOnly Day, long BorneFen, long PaidFen, string VisitId, string Content)
    {
        public int Rank { get; set; }

        public bool Stands { get; set; } = true;
    }
}
