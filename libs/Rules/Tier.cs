using Claims.Policy;
using Claims.V1;

namespace Claims.Rules;

/// <summary>What a facility counts as for outpatient pooling. The numbers are stored and never reused.</summary>
public enum Tier
{
    /// <summary>省级三级甲等: a province-level hospital of grade III-A.</summary>
    Province3A = 1,

    /// <summary>省、市、县其他等级: every other province, city or county institution.</summary>
    Other = 2,

    /// <summary>基层: township hospital, community health centre or station, village clinic.</summary>
    Grassroots = 3,
}

/// <summary>The tier follows from the facility's administrative level and grade, never from the request (郑医保〔2023〕6号 三).</summary>
public static class Tiers
{
    /// <exception cref="ArgumentOutOfRangeException">The level is not one of the registry's six.</exception>
    public static Tier Of(AdminLevel level, string grade) => level switch
    {
        AdminLevel.Township or AdminLevel.Community or AdminLevel.Village => Tier.Grassroots,
        AdminLevel.Province when grade is "3A" => Tier.Province3A,
        AdminLevel.Province or AdminLevel.City or AdminLevel.County => Tier.Other,
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "A facility has one of six administrative levels."),
    };

    public static TierTerms TermsFor(this OutpatientPolicy policy, Tier tier) => tier switch
    {
        Tier.Province3A => policy.Province3A,
        Tier.Other => policy.Other,
        Tier.Grassroots => policy.Grassroots,
        _ => throw new ArgumentOutOfRangeException(nameof(tier), tier, null),
    };

    /// <summary>The tier's name on the wire to the ledger.</summary>
    public static string WireName(this Tier tier) => tier switch
    {
        Tier.Province3A => "province_3a",
        Tier.Other => "other",
        Tier.Grassroots => "grassroots",
        _ => throw new ArgumentOutOfRangeException(nameof(tier), tier, null),
    };
}
