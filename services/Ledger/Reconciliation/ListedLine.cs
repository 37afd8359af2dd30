using System.Globalization;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>A line of the facility's books that can be compared.</summary>
/// <param name="VisitDate">Null where the facility did not give it.</param>
/// <param name="SettledOn">Null where the facility did not give it.</param>
/// <param name="VisitType">Unspecified where the facility did not give it.</param>
internal sealed record ListedLine(
    long Number, bool Cancels, string SettlementId, string RequestId, string OriginalRequestId, string InsuredId,
    DateOnly? VisitDate, DateOnly? SettledOn, VisitType VisitType, long TotalFen, long FundPayFen)
{
    private const int MaxIdLength = 100;

    // Sums over the largest file stay far within int64.
    private const long LargestFen = 1_000_000_000_000;

    public SettlementTotals Totals => new() { Count = Cancels ? -1 : 1, TotalFen = TotalFen, FundPayFen = FundPayFen };

    /// <exception cref="ReconciliationRequestException">Names the line by its number, and the field.</exception>
    public static ListedLine Check(FacilityLine line, string facilityCode, long previousNumber)
    {
        if (line.LineNumber <= previousNumber)
            throw Fault("line_number does not ascend", "行号（line_number）应逐行递增");
        Require(line.FacilityCode.Length == 0 || line.FacilityCode == facilityCode,
            "facility_code is not the facility's that is reconciled", "机构编码（facility_code）不是所对账的机构");
        Require(line.Kind is FacilityLine.Types.Kind.Settle or FacilityLine.Types.Kind.Cancel,
            "kind is neither SETTLE nor CANCEL", "类别（kind）应为 SETTLE 或 CANCEL");
        bool cancels = line.Kind == FacilityLine.Types.Kind.Cancel;
        string insuredId = Id(line.InsuredId, "insured_id");
        Require(insuredId.Length > 0, "insured_id is missing or no id", "人员编号（insured_id）未填");
        string settlementId = Id(line.SettlementId, "settlement_id");
        string requestId = Id(line.RequestId, "request_id");
        string originalRequestId = Id(line.OriginalRequestId, "original_request_id");
        Require(cancels || originalRequestId.Length == 0, "original_request_id stands on a line that cancels nothing",
            "只有撤销行可填原请求号（original_request_id）");
        Require(settlementId.Length + requestId.Length + originalRequestId.Length > 0,
            "neither request_id nor settlement_id is given", "请求号（request_id）与结算编号（settlement_id）至少填一个");
        Require(Enum.IsDefined(line.VisitType), "visit_type is unknown", "就诊类型（visit_type）不是约定的值");
        int sign = cancels ? -1 : 1;
        Require(Int128.Abs(line.TotalFen) <= LargestFen && sign * line.TotalFen > 0,
            $"total_fen is not {(cancels ? "negative" : "positive")}, or out of range",
            $"总费用（total_fen）应为{(cancels ? "负" : "正")}数，单位为分");
        Require(Int128.Abs(line.FundPayFen) <= LargestFen && sign * line.FundPayFen >= 0,
            "fund_pay_fen has the wrong sign, or is out of range", "基金支付（fund_pay_fen）正负号有误或超出范围，单位为分");
        return new ListedLine(
            line.LineNumber, cancels, settlementId, requestId, originalRequestId, insuredId,
            Day(line.VisitDate, "visit_date"), Day(line.SettledOn, "settled_on"), line.VisitType, line.TotalFen, line.FundPayFen);

        string Id(string text, string field)
        {
            Require(!SpreadsheetId.IsRounded(text),
                $"{field} was turned into a rounded number by a spreadsheet: format its column as text and export it again",
                $"编号（{field}）被表格软件改成了科学计数，后几位已丢失：请把该列设为文本后重新导出");
            string id = SpreadsheetId.Read(text);
            Require(id.Length <= MaxIdLength && PlainText.Is(id), field == "insured_id"
                ? "insured_id is missing or no id"
                : $"{field} is no id", $"编号（{field}）有误");
            return id;
        }

        DateOnly? Day(string text, string field)
        {
            if (text.Length == 0) return null;
            Require(DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day),
                $"{field} is not a day of the form yyyy-MM-dd", $"日期（{field}）应为 yyyy-MM-dd 形式");
            return day;
        }

        void Require(bool holds, string otherwise, string text)
        {
            if (!holds) throw Fault(otherwise, text);
        }

        ReconciliationRequestException Fault(string what, string text) => new(
            string.Create(CultureInfo.InvariantCulture, $"line {line.LineNumber}: {what}"),
            string.Create(CultureInfo.InvariantCulture, $"第 {line.LineNumber} 行：{text}"));
    }

    /// <summary>As it came, without what a spreadsheet needed.</summary>
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
        VisitType = VisitType,
        TotalFen = TotalFen,
        FundPayFen = FundPayFen,
    };
}

/// <summary>An entry of the sub-ledger as it is compared.</summary>
/// <param name="Kind">As in the database.</param>
/// <param name="SettledOn">The day on which the entry itself was settled, in China Standard Time.</param>
internal sealed record CentreRecord(
    string Kind, string SettlementId, string OriginalSettlementId, string RequestId, string OriginalRequestId, string InsuredId,
    DateOnly VisitDate, DateOnly SettledOn, VisitType VisitType, long TotalFen, long FundPayFen)
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
        VisitType = VisitType,
        TotalFen = TotalFen,
        FundPayFen = FundPayFen,
    };
}
