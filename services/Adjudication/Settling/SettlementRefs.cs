using System.Globalization;
using Claims.Adjudication.Store;
using Claims.Hosting;
using Claims.Rules;
using Claims.V1;

namespace Claims.Adjudication.Settling;

/// <summary>A settlement, cancellation or reversal as another answer names it.</summary>
public static class SettlementRefs
{
    // Visits of one millisecond, and the many readers of one answer, share their text.
    [ThreadStatic]
    private static (long UnixMs, string Text) _latest;

    /// <param name="callerFacility">The facility that asks: of another one's settlement it learns that it is there, and no more.</param>
    public static SettlementRef Of(int shard, StoredAnswer named, string callerFacility)
    {
        RecordHeader header = named.Header;
        SettlementRef reference = new() { RequestId = named.RequestId };
        bool isSettlement = header.Kind is RecordKind.Settlement;
        UndoingRecord? undoing = isSettlement || header.Kind is RecordKind.Tombstone ? null : UndoingRecord.Read(named.Bytes);
        StoredRecord? settlement = isSettlement ? StoredRecord.Read(named.Bytes) : undoing?.Target;
        if (settlement is not { } figures) return reference;

        reference.SettlementId = Replies.IdOf(shard, header);
        if (named.FacilityCode != callerFacility) return reference;
        int sign = isSettlement || header.State is RecordState.UndidCancellation ? 1 : -1;
        reference.FacilityCode = named.FacilityCode;
        reference.VisitDate = header.VisitDateText;
        reference.VisitType = (VisitType)figures.Request.VisitType;
        reference.SettledAt = TimeText(undoing?.Own.UndoneAtUnixMs ?? figures.Request.SettledAtUnixMs);
        reference.VisitId = figures.VisitId;
        reference.TotalFen = sign * figures.Request.TotalFen;
        reference.DeductibleFen = sign * header.DeductibleFen;
        reference.FundPayFen = sign * header.FundPayFen;
        reference.SelfPayFen = sign * (figures.Request.TotalFen - header.FundPayFen);
        return reference;
    }

    /// <summary>The refusal's sentence, with the settlement that it speaks of where the caller may know it.</summary>
    public static Refusal Name(string code, SettlementRef? other)
    {
        string text = Reasons.TextOf(code);
        if (other is null) return new Refusal(code, text);
        if (other.FacilityCode.Length == 0)
        {
            // Only there can it be undone: the cashier who is told no more would look for it among this facility's.
            bool mustGoThere = code == Reasons.CancelBlockedByLaterSettlement;
            return new Refusal(code, mustGoThere ? $"{text}（之后的结算由其他医疗机构办理，须先在该机构撤销）" : text);
        }

        string settlement = string.Create(
            CultureInfo.InvariantCulture,
            $"结算编号{other.SettlementId}，请求编号{other.RequestId}，就诊日期{other.VisitDate}，费用总额{Yuan(other.TotalFen)}元，"
                + $"统筹基金支付{Yuan(other.FundPayFen)}元");
        return new Refusal(code, $"{text}（{settlement}）");
    }

    /// <summary>RFC 3339 in China Standard Time, to the millisecond.</summary>
    public static string TimeText(long unixMs)
    {
        if (_latest.Text is { } text && _latest.UnixMs == unixMs) return text;
        text = ChinaTime.Of(DateTimeOffset.FromUnixTimeMilliseconds(unixMs))
            .ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture);
        _latest = (unixMs, text);
        return text;
    }

    private static string Yuan(long fen) =>
        string.Create(CultureInfo.InvariantCulture, $"{(fen < 0 ? "-" : "")}{Math.Abs(fen) / 100}.{Math.Abs(fen) % 100:D2}");
}
