using System.Collections.Frozen;
using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace Claims.Hosting;

/// <summary>
/// Who a certificate says its holder is: the claims:// URI among its names. A bureau whose certificates have other names gives a file
/// with one line for each, <c>claims://facility/CODE NAME</c>, where NAME is the subject, a URI or a DNS name of the certificate.
/// </summary>
internal sealed class CertificateNames
{
    private const string SubjectAlternativeName = "2.5.29.17";

    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag UriName = new(TagClass.ContextSpecific, 6);

    public static readonly CertificateNames None = new(FrozenDictionary<string, Identity>.Empty);

    private readonly FrozenDictionary<string, Identity> _others;

    private CertificateNames(FrozenDictionary<string, Identity> others) => _others = others;

    /// <exception cref="InvalidDataException">A line is not as it should be; the message begins with its number.</exception>
    public static CertificateNames Load(string path)
    {
        Dictionary<string, Identity> others = new(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith('#')) continue;
            string[] parts = line.Trim().Split(' ', 2, StringSplitOptions.TrimEntries);
            if (parts.Length < 2 || !Identity.TryParse(parts[0], out Identity? identity) || identity.Kind == Callers.Local)
                throw new InvalidDataException($"line {number} is not an identity, claims://facility/CODE for one, and a name after it");
            if (!others.TryAdd(parts[1], identity)) throw new InvalidDataException($"line {number} has a name that stands above already");
        }

        return new CertificateNames(others.ToFrozenDictionary(StringComparer.Ordinal));
    }

    /// <returns>Null where no name says who it is, two say different things, or the names cannot be read.</returns>
    public Identity? IdentityOf(X509Certificate2 certificate)
    {
        List<string> names;
        try
        {
            names = [.. NamesOf(certificate)];
        }
        catch (AsnContentException)
        {
            return null;
        }

        HashSet<Identity> own = [];
        foreach (string name in names.Where(name => name.StartsWith(Identity.Scheme, StringComparison.Ordinal)))
        {
            // An authority that signs what is none is not to be trusted with the rest.
            if (!Identity.TryParse(name, out Identity? identity) || identity.Kind == Callers.Local) return null;
            own.Add(identity);
        }

        if (own.Count == 0)
        {
            foreach (string name in names.Append(certificate.Subject))
                if (_others.TryGetValue(name, out Identity? mapped)) own.Add(mapped);
        }

        return own.Count == 1 ? own.Single() : null;
    }

    private static IEnumerable<string> NamesOf(X509Certificate2 certificate)
    {
        if (certificate.Extensions[SubjectAlternativeName] is not { } extension) return [];
        List<string> names = [];
        AsnReader reader = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
        while (reader.HasData)
        {
            Asn1Tag tag = reader.PeekTag();
            if (tag.HasSameClassAndValue(DnsName) || tag.HasSameClassAndValue(UriName))
                names.Add(reader.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else
                reader.ReadEncodedValue();
        }

        return names;
    }
}
