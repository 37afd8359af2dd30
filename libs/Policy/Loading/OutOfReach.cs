namespace Claims.Policy.Loading;

/// <summary>What a notice may say and no policy file can: each is refused by a sentence that names it, not as an unknown key.</summary>
internal static class OutOfReach
{
    public const string Family = "family";
    public const string Inpatient = "inpatient";
    private static readonly (string Key, string Sentence)[] Keys =
    [
        ("personal_account",
            "a personal account that pays before the fund is out of reach: nothing here knows what an account holds."),
        ("capitation", "capitation is out of reach: visits are paid one by one here, not by head."),
        ("second_fund", "a second fund that pays after the cap is out of reach: one fund pays for a visit here."),
        ("family_cap", FamilySentence),
    ];

    private const string FamilySentence = "what a family has in common is out of reach: limits and deductibles are each person's own here.";

    /// <summary>Notes the keys of a mapping that stand for what is out of reach.</summary>
    public static void Refuse(PolicyNode node)
    {
        foreach ((string key, string sentence) in Keys.Where(one => node.Has(one.Key))) node.Fault(key, sentence);
    }

    /// <summary>Whether a key speaks of a family; noted then.</summary>
    public static bool RefuseFamily(PolicyNode node, string key)
    {
        if (!node.Is(key, Family)) return false;
        node.Fault(key, FamilySentence);
        return true;
    }

    /// <summary>Notes a benefit that shares with inpatient care.</summary>
    public static void RefuseInpatient(PolicyNode node, string key) =>
        node.Fault(key, "what is shared with inpatient care is out of reach: no inpatient stay is settled here.");
}
