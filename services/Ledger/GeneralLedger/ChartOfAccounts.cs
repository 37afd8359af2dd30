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

    /// <summary>From the code of an account in the books; a facility's code may contain dots.</summary>
    public static AccountKey Parse(string code)
    {
        string[] parts = code.Split('.', 4);
        return new AccountKey(parts[0], parts[1], parts[2], parts.Length > 3 ? parts[3] : null);
    }
}

internal static class ChartOfAccounts
{
    public const string PayableToFacilities = "2101";
    public const string FiscalSpecialAccount = "1003";
    public const string CityExpenditureAccount = "1004";
    public const string CountyExpenditureAccount = "1005";
    public const string ContributionsReceivable = "1101";
    public const string ContributionIncome = "4001";
    public const string SubsidyIncome = "4002";
    public const string TransferIncome = "4003";
    public const string InterestIncome = "4004";
    public const string OtherIncome = "4005";

    private const string PooledOutpatientExpense = "5101";
    private const string MaternityAllowanceExpense = "5102";

    public static AccountKey Expense(SettledClaim claim)
    {
        string kind = claim.VisitType is VisitType.DeliveryNatural or VisitType.DeliveryCaesarean
            ? MaternityAllowanceExpense
            : PooledOutpatientExpense;
        return new AccountKey(kind, claim.Scheme, claim.FacilityCounty, null);
    }

    /// <summary>郑政办〔2021〕24号 三(三)2: the fiscal special account pays to the city's expenditure account, that one to the counties'.</summary>
    /// <param name="city">Code of the pooling area, under which a kind that is kept for the whole city stands.</param>
    public static AccountKey SpecialAccount(string scheme, string city) => new(FiscalSpecialAccount, scheme, city, null);

    /// <param name="city">Code of the pooling area.</param>
    public static AccountKey CityExpenditure(string scheme, string city) => new(CityExpenditureAccount, scheme, city, null);

    public static AccountKey CountyExpenditure(string scheme, string county) => new(CountyExpenditureAccount, scheme, county, null);

    /// <summary>What a treasury owes for the heads of a county, whose subsidy is cited in the policy by payer.</summary>
    public static AccountKey SubsidyReceivable(Payer payer, string scheme, string county) => new(payer switch
    {
        Payer.CentralTreasury => "1102",
        Payer.ProvinceTreasury => "1103",
        Payer.CityTreasury => "1104",
        Payer.CountyTreasury => "1105",
        _ => throw new ArgumentOutOfRangeException(nameof(payer), payer, "owes no subsidy"),
    }, scheme, county, null);

    /// <summary>What a treasury owes of the contributions of a county's heads (郑医保〔2023〕6号 一).</summary>
    public static AccountKey AidReceivable(Payer payer, string scheme, string county) => new(payer switch
    {
        Payer.CityTreasury => "1106",
        Payer.CountyTreasury => "1107",
        _ => throw new ArgumentOutOfRangeException(nameof(payer), payer, "bears no aid"),
    }, scheme, county, null);

    public static AccountKey Payable(string scheme, string county, string facilityCode) =>
        new(PayableToFacilities, scheme, county, facilityCode);

    public static AccountKey Payable(SettledClaim claim) =>
        new(PayableToFacilities, claim.Scheme, claim.FacilityCounty, claim.FacilityCode);
}
