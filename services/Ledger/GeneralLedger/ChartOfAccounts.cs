using Claims.V1;

namespace Claims.Ledger.GeneralLedger;

/// <summary>An account, by what it stands for. The names, and what each kind means, are in table <c>account_kind</c>.</summary>
/// <param name="Kind">Four digits; the first is the class: 1 assets, 2 liabilities, 3 net assets, 4 income, 5 expenditure.</param>
/// <param name="Scheme"><c>resident</c>: each scheme has books of its own.</param>
/// <param name="County">6-digit administrative code.</param>
/// <param name="FacilityCode">Null for accounts that are not kept per facility.</param>
internal readonly record struct AccountKey(string Kind, string Scheme, string County, string? FacilityCode)
{
    public string Code => FacilityCode is null ? $"{Kind}.{Scheme}.{County}" : $"{Kind}.{Scheme}.{County}.{FacilityCode}";
}

internal static class ChartOfAccounts
{
    private const string PayableToFacilities = "2101";
    private const string PooledOutpatientExpense = "5101";
    private const string MaternityAllowanceExpense = "5102";

    public static AccountKey Expense(SettledClaim claim)
    {
        string kind = claim.VisitType is VisitType.DeliveryNatural or VisitType.DeliveryCaesarean ? MaternityAllowanceExpense : PooledOutpatientExpense;
        return new AccountKey(kind, claim.Scheme, claim.FacilityCounty, null);
    }

    public static AccountKey Payable(SettledClaim claim) => new(PayableToFacilities, claim.Scheme, claim.FacilityCounty, claim.FacilityCode);
}
