namespace Claims.Policy;

/// <summary>Whose expenditure account pays a county's facilities (郑政办〔2021〕24号 三(三)).</summary>
public enum FundAccounts
{
    City,
    County,
}

/// <summary>The whole that the city's fund is kept for.</summary>
/// <param name="Code">6-digit administrative code, of no county: what is kept for the whole city stands under it.</param>
public sealed record PoolingArea(string Code, string Name, string Source, string? Ruling);

/// <summary>A county, district or development zone.</summary>
/// <param name="Code">6-digit administrative code.</param>
/// <param name="InsidePooling">False: its residents are insured elsewhere, and the two classes are null.</param>
/// <param name="FiscalClass">How aid and subsidies are shared: <c>district</c>, <c>county</c> or <c>airport_zone</c>.</param>
public sealed record County(string Code, string Name, bool InsidePooling, FundAccounts? Accounts, string? FiscalClass, string Source,
    string? Ruling);
