using Claims.Cli.Reconciliation;
using Claims.V1;

namespace Claims.Cli.Demo;

/// <summary>What the fund pays for one insured in one year of visit, in fen.</summary>
/// <param name="CappedFundPayFen">What counts against the annual cap.</param>
public readonly record struct YearTotals(long CappedFundPayFen, long FundPayFen, long Settlements)
{
    public YearTotals Plus(long cappedFundPayFen, long fundPayFen) =>
        new(CappedFundPayFen + cappedFundPayFen, FundPayFen + fundPayFen, Settlements + 1);
}

/// <summary>The hospitals' side of the day: every answer, folded as it comes in.</summary>
public sealed class ReplyBook
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (string InsuredId, long FundPayFen)> _settlements = [];
    private readonly Dictionary<(string InsuredId, int Year), YearTotals> _years = [];
    private readonly Dictionary<(Decision Decision, string Reason), long> _outcomes = [];
    private readonly List<FacilityLine> _lines = [];

    public long Replies { get; private set; }

    public long Replayed { get; private set; }

    /// <summary>Stored answers that differ from the first answer to the same request.</summary>
    public long ReplaysThatDiffer { get; private set; }

    public long FundPayFen { get; private set; }

    /// <summary>By settlement_id: every settlement that a hospital has an answer for.</summary>
    public IReadOnlyDictionary<string, (string InsuredId, long FundPayFen)> Settlements => _settlements;

    public IReadOnlyDictionary<(string InsuredId, int Year), YearTotals> Years => _years;

    /// <summary>The same settlements as the hospitals' own books have them.</summary>
    public IReadOnlyList<FacilityLine> Lines => _lines;

    public IReadOnlyDictionary<(Decision Decision, string Reason), long> Outcomes => _outcomes;

    public void Add(SettleRequest request, SettleReply reply)
    {
        lock (_gate)
        {
            Replies++;
            Replayed += reply.Replayed ? 1 : 0;
            _outcomes[(reply.Decision, reply.ReasonCode)] = _outcomes.GetValueOrDefault((reply.Decision, reply.ReasonCode)) + 1;
            if (reply.Decision == Decision.Settled)
                AddSettled(request, reply);
        }
    }

    /// <remarks>A replay of a settlement that was never answered, its first answer lost, is the first news of it.</remarks>
    private void AddSettled(SettleRequest request, SettleReply reply)
    {
        (string InsuredId, long FundPayFen) settlement = (reply.InsuredId, reply.FundPayFen);
        if (!_settlements.TryAdd(reply.SettlementId, settlement))
        {
            if (!reply.Replayed || _settlements[reply.SettlementId] != settlement)
                ReplaysThatDiffer++;
            return;
        }
        FundPayFen += reply.FundPayFen;
        FacilityLine line = FacilityFile.OfAnswer(reply)!;
        line.VisitDate = request.VisitDate;
        _lines.Add(line);
        bool outsideTheCap = request.VisitType is VisitType.DeliveryNatural or VisitType.DeliveryCaesarean;
        int year = int.Parse(request.VisitDate.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture);
        (string, int) key = (request.InsuredId, year);
        _years[key] = _years.GetValueOrDefault(key).Plus(outsideTheCap ? 0 : reply.FundPayFen, reply.FundPayFen);
    }
}
