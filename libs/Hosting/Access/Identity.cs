using System.Diagnostics.CodeAnalysis;

namespace Claims.Hosting;

/// <summary>Who calls: a URI such as <c>claims://facility/H41010000001</c>.</summary>
/// <param name="Name">The second part of the URI; of a facility or clinic, its code.</param>
/// <param name="Person">Who it is among those of a role, <c>claims://role/bureau/zhang.wei</c>; empty where nobody is named.</param>
public sealed record Identity(Callers Kind, string Name, string Person = "")
{
    /// <summary>Of the header, gRPC metadata or HTTP, that says who calls where there is no certificate.</summary>
    public const string Header = "claims-identity";

    /// <summary>Of the header in which the gateway says whose request it passes on.</summary>
    public const string OnBehalfHeader = "claims-on-behalf-of";

    public const string Scheme = "claims://";

    private const int MostCharacters = 64;

    /// <summary>Who says nothing of itself on loopback without TLS.</summary>
    public static Identity Local { get; } = new(Callers.Local, "local");

    /// <summary>Who has said nothing of itself where a certificate is not asked for.</summary>
    public static Identity Unnamed { get; } = new(Callers.Unnamed, "unnamed");

    /// <summary>Whether every message must name this caller's own facility.</summary>
    public bool IsFacility => Kind is Callers.Facility or Callers.Clinic;

    /// <summary>Whether it is one of this system's own services.</summary>
    public bool IsService => Kind is Callers.Adjudication or Callers.Eligibility or Callers.Ledger or Callers.Gateway;

    public static bool TryParse(string? uri, [NotNullWhen(true)] out Identity? identity)
    {
        identity = null;
        if (uri is null || !uri.StartsWith(Scheme, StringComparison.Ordinal)) return false;
        string[] parts = uri[Scheme.Length..].Split('/');
        if (parts is not ([_, _] or ["role", _, _]) || !parts.Skip(1).All(IsName)) return false;
        (string family, string name, string person) = (parts[0], parts[1], parts.ElementAtOrDefault(2) ?? "");
        Callers kind = (family, name) switch
        {
            ("facility", _) => Callers.Facility,
            ("clinic", _) => Callers.Clinic,
            ("service", "adjudication") => Callers.Adjudication,
            ("service", "eligibility") => Callers.Eligibility,
            ("service", "ledger") => Callers.Ledger,
            ("service", "gateway") => Callers.Gateway,
            ("role", "finance") => Callers.Finance,
            ("role", "operations") => Callers.Operations,
            ("role", "bureau") => Callers.Bureau,
            ("role", "audit") => Callers.Audit,
            ("role", "local") when person.Length == 0 => Callers.Local,
            _ => Callers.None,
        };
        if (kind == Callers.None) return false;
        identity = new Identity(kind, name, person);
        return true;
    }

    public override string ToString() => Kind switch
    {
        Callers.Facility => $"{Scheme}facility/{Name}",
        Callers.Clinic => $"{Scheme}clinic/{Name}",
        _ when IsService => $"{Scheme}service/{Name}",
        _ when Person.Length > 0 => $"{Scheme}role/{Name}/{Person}",
        _ => $"{Scheme}role/{Name}",
    };

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MostCharacters && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
