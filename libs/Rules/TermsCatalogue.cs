using System.Collections.Concurrent;
using Claims.Policy;
using Claims.V1;

namespace Claims.Rules;

/// <summary>The terms of a pack, each compiled when it is first asked for: some hundred, however many visits there are.</summary>
public sealed class TermsCatalogue(PolicyPack pack)
{
    private readonly ConcurrentDictionary<Key, Terms?> _terms = new();

    public PolicyPack Pack => pack;

    /// <summary>The same object for the same question.</summary>
    /// <returns>Null where the policy does not cover the visit type.</returns>
    public Terms? Find(OutpatientPolicy policy, string adminLevel, string grade, PersonClass person, VisitType visitType)
    {
        Key key = new(policy.PolicyId, adminLevel, grade, person.Name, visitType);
        return _terms.TryGetValue(key, out Terms? known)
            ? known
            : _terms.GetOrAdd(key, TermsCompiler.Compile(pack, policy, policy.FacilityClassOf(adminLevel, grade), person, visitType));
    }

    private readonly record struct Key(string PolicyId, string AdminLevel, string Grade, string PersonClass, VisitType VisitType)
    {
        // Equal texts are mostly one object here. To hash four of them took longer than to compare them with some neighbours.
        public override int GetHashCode() =>
            HashCode.Combine(PolicyId.Length, AdminLevel.Length, Grade.Length, PersonClass.Length, (int)VisitType);
    }
}
