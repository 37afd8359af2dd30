using System.Diagnostics.CodeAnalysis;

namespace Claims.Hosting;

/// <summary>Who calls: a URI such as <c>claims://facility/H41010000001</c>.</summary>
/// <param name="Name">The last part of the URI; of a facility or clinic, its code.</param>
public sealed record Identity(Callers Kind, string Name)
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
        if (parts is not [var family, var name] || !IsName(name)) return false;
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
            ("role", "local") => Callers.Local,
            _ => Callers.None,
        };
        if (kind == Callers.None) return false;
        identity = new Identity(kind, name);
        return true;
    }

    public override string ToString() => Kind switch
    {
        Callers.Facility => $"{Scheme}facility/{Name}",
        Callers.Clinic => $"{Scheme}clinic/{Name}",
        _ when IsService => $"{Scheme}service/{Name}",
        _ => $"{Scheme}role/{Name}",
    };

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MostCharacters && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
