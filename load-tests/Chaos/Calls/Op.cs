using Claims.V1;

namespace Claims.LoadTests.Chaos.Calls;

public enum OpKind
{
    Settle,
    Cancel,
    Reverse,
}

/// <summary>Under which a request is answered once.</summary>
public readonly record struct RequestKey(string InsuredId, string FacilityCode, string RequestId)
{
    public override string ToString() => $"{RequestId} at {FacilityCode} for {InsuredId}";
}

/// <summary>What one request says. Two of one content are the same request.</summary>
/// <param name="VisitDate">Of a visit; else unused.</param>
/// <param name="TotalFen">Of a visit, all of it in scope.</param>
/// <param name="VisitId">The hospital's number of the visit, or empty.</param>
/// <param name="Target">The request that a cancellation or reversal names, or empty.</param>
public sealed record Op(
    OpKind Kind, RequestKey Key, DateOnly VisitDate = default, long TotalFen = 0, string VisitId = "", string Target = "")
{
    public SettleRequest Settle() => new()
    {
        RequestId = Key.RequestId,
        FacilityCode = Key.FacilityCode,
        InsuredId = Key.InsuredId,
        VisitDate = VisitDate.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
        VisitType = VisitType.Ordinary,
        TotalFen = TotalFen,
        InScopeFen = TotalFen,
        VisitId = VisitId,
    };

    public CancelRequest Cancel() => new()
    {
        RequestId = Key.RequestId,
        FacilityCode = Key.FacilityCode,
        InsuredId = Key.InsuredId,
        OriginalRequestId = Target,
    };

    public ReverseRequest Reverse() => new()
    {
        RequestId = Key.RequestId,
        FacilityCode = Key.FacilityCode,
        InsuredId = Key.InsuredId,
        OriginalRequestId = Target,
    };
}
