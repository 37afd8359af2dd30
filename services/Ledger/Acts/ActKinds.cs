using System.Collections.Frozen;
using Claims.V1;

namespace Claims.Ledger.Acts;

/// <summary>The kinds as the table <c>act</c> has them.</summary>
internal static class ActKinds
{
    private static readonly FrozenDictionary<ActKind, string> Texts = new Dictionary<ActKind, string>
    {
        [ActKind.YearProposed] = "YEAR_PROPOSED",
        [ActKind.YearTakenBack] = "YEAR_TAKEN_BACK",
        [ActKind.YearClosedToHospitals] = "YEAR_CLOSED_TO_HOSPITALS",
        [ActKind.YearClosed] = "YEAR_CLOSED",
        [ActKind.MonthClosed] = "MONTH_CLOSED",
        [ActKind.VoucherEntered] = "VOUCHER_ENTERED",
        [ActKind.PlanSet] = "PLAN_SET",
        [ActKind.ShardResumed] = "SHARD_RESUMED",
        [ActKind.FileImported] = "FILE_IMPORTED",
        [ActKind.ShardRebuilt] = "SHARD_REBUILT",
        [ActKind.InsuredRestored] = "INSURED_RESTORED",
        [ActKind.PolicyInForce] = "POLICY_IN_FORCE",
        [ActKind.InsuredMerged] = "INSURED_MERGED",
        [ActKind.InsuredParted] = "INSURED_PARTED",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, ActKind> Kinds =
        Texts.ToFrozenDictionary(kind => kind.Value, kind => kind.Key, StringComparer.Ordinal);

    public static string Text(ActKind kind) => Texts[kind];

    /// <summary>Unspecified where a newer program has written it.</summary>
    public static ActKind Of(string text) => Kinds.GetValueOrDefault(text);

    /// <summary>What other services do and the ledger writes down for them.</summary>
    public static bool IsOfOthers(ActKind kind) => kind is ActKind.YearClosedToHospitals or ActKind.FileImported or ActKind.ShardRebuilt
        or ActKind.InsuredRestored or ActKind.InsuredMerged or ActKind.InsuredParted;
}
