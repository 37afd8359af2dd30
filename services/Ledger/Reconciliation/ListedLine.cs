using System.Globalization;
using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>A line of the facility's books that can be compared.</summary>
/// <param name="VisitDate">Null where the facility did not give it.</param>
/// <param name="SettledOn">Null where the facility did not give it.</param>
internal sealed record ListedLine(
    long Number, bool Cancels, string SettlementId, string RequestId, string OriginalRequestId, string InsuredId,
    DateOnly? VisitDate, DateOnly? SettledOn, long TotalFen, long FundPayFen)
{
    private const int MaxIdLength = 100;

    // Sums over the largest file stay far within int64.
    private const long LargestFen = 1_000_000_000_000;

    public SettlementTotals Totals => new() { Count = Cancels ? -1 : 1, TotalFen = TotalFen, FundPayFen = FundPayFen };

    /// <exception cref="ReconciliationRequestException">Names the line by its number, and the field.</exception>
    public static ListedLine Check(FacilityLine line, string facilityCode, long previousNumber)
    {
        if (line.LineNumber <= previousNumber)
            throw new ReconciliationRequestException(
                string.Create(CultureInfo.InvariantCulture, $"line {line.LineNumber}: line_number does not ascend"));
        Require(line.FacilityCode.Length == 0 || line.FacilityCode == facilityCode,
            "facility_code is not the facility's that is reconciled");
        Require(line.Kind is FacilityLine.Types.Kind.Settle or FacilityLine.Types.Kind.Cancel, "kind is neither SETTLE nor CANCEL");
        bool cancels = line.Kind == FacilityLine.Types.Kind.Cancel;
        Require(IsId(line.InsuredId) && line.InsuredId.Length > 0, "insured_id is missing or no id");
        Require(IsId(line.SettlementId), "settlement_id is no id");
        Require(IsId(line.RequestId), "request_id is no id");
        Require(IsId(line.OriginalRequestId), "original_request_id is no id");
        Require(cancels || line.OriginalRequestId.Length == 0, "original_request_id stands on a line that cancels nothing");
        Require(line.SettlementId.Length + line.RequestId.Length + line.OriginalRequestId.Length > 0,
            "neither request_id nor settlement_id is given");
        int sign = cancels ? -1 : 1;
        Require(Int128.Abs(line.TotalFen) <= LargestFen && sign * line.TotalFen > 0,
            $"total_fen is not {(cancels ? "negative" : "positive")}, or out of range");
        Require(Int128.Abs(line.FundPayFen) <= LargestFen && sign * line.FundPayFen >= 0,
            "fund_pay_fen has the wrong sign, or is out of range");
        return new ListedLine(
            line.LineNumber, cancels, line.SettlementId, line.RequestId, line.OriginalRequestId, line.InsuredId,
            Day(line.VisitDate, "visit_date"), Day(line.SettledOn, "settled_on"), line.TotalFen, line.FundPayFen);

        DateOnly? Day(string text, string field)
        {
            if (text.Length == 0) return null;
            Require(DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day),
                $"{field} is not a day of the form yyyy-MM-dd");
            return day;
        }

        void Require(bool holds, string otherwise)
        {
            if (!holds)
                throw new ReconciliationRequestException(
                string.Create(CultureInfo.InvariantCulture, $"line {line.LineNumber}: {otherwise}"));
        }
    }

    /// <summary>As it came.</summary>
    public FacilityLine ToMessage() => new()
    {
        LineNumber = Number,
        Kind = Cancels ? FacilityLine.Types.Kind.Cancel : FacilityLine.Types.Kind.Settle,
        SettlementId = SettlementId,
        RequestId = RequestId,
        OriginalRequestId = OriginalRequestId,
        InsuredId = InsuredId,
        VisitDate = VisitDate?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "",
        SettledOn = SettledOn?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "",
        TotalFen = TotalFen,
        FundPayFen = FundPayFen,
    };

    private static bool IsId(string text) => text.Length <= MaxIdLength && !text.Any(char.IsControl);
}

/// <summary>An entry of the sub-ledger as it is compared.</summary>
/// <param name="Kind">As in the database.</param>
/// <param name="SettledOn">The day on which the entry itself was settled, in China Standard Time.</param>
internal sealed record CentreRecord(
    string Kind, string SettlementId, string OriginalSettlementId, string RequestId, string OriginalRequestId, string InsuredId,
    DateOnly VisitDate, DateOnly SettledOn, long TotalFen, long FundPayFen)
{
    public bool Cancels => Kind == "CANCELLATION";

    public SettlementTotals Totals => new() { Count = Cancels ? -1 : 1, TotalFen = TotalFen, FundPayFen = FundPayFen };

    public CentreEntry ToMessage() => new()
    {
        Kind = Kind,
        SettlementId = SettlementId,
        OriginalSettlementId = OriginalSettlementId,
        RequestId = RequestId,
        InsuredId = InsuredId,
        VisitDate = VisitDate.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        SettledOn = SettledOn.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        TotalFen = TotalFen,
        FundPayFen = FundPayFen,
    };
}
