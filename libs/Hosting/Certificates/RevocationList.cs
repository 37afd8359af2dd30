using System.Collections.Frozen;
using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Claims.Hosting;

/// <summary>The certificates that an authority has taken back: a CRL of RFC 5280, section 5. .NET writes them and does not read
/// them.</summary>
internal sealed class RevocationList
{
    private const string PemLabel = "X509 CRL";

    private readonly byte[] _issuer;
    private readonly FrozenSet<BigInteger> _serials;

    private RevocationList(byte[] issuer, FrozenSet<BigInteger> serials, DateTimeOffset? nextUpdate)
    {
        _issuer = issuer;
        _serials = serials;
        NextUpdate = nextUpdate;
    }

    /// <summary>By when the authority promised another list.</summary>
    public DateTimeOffset? NextUpdate { get; }

    /// <param name="path">A PEM file with a list, or several.</param>
    /// <exception cref="InvalidDataException">It holds none, or one that is none of the authorities'.</exception>
    public static IReadOnlyList<RevocationList> Load(string path, X509Certificate2Collection authorities)
    {
        List<RevocationList> lists = [];
        ReadOnlySpan<char> rest = File.ReadAllText(path);
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            if (rest[fields.Label].SequenceEqual(PemLabel))
            {
                byte[] der = new byte[fields.DecodedDataLength];
                Convert.TryFromBase64Chars(rest[fields.Base64Data], der, out _);
                try
                {
                    lists.Add(Read(der, authorities));
                }
                catch (AsnContentException exception)
                {
                    throw new InvalidDataException($"list {lists.Count + 1} is not a CRL: {exception.Message.TrimEnd('.')}", exception);
                }
            }

            rest = rest[fields.Location.End..];
        }

        return lists.Count > 0 ? lists : throw new InvalidDataException($"it holds no {PemLabel}");
    }

    public bool Has(X509Certificate2 certificate) =>
        certificate.IssuerName.RawData.AsSpan().SequenceEqual(_issuer)
        && _serials.Contains(new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true));

    private static RevocationList Read(byte[] der, X509Certificate2Collection authorities)
    {
        AsnReader list = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
        ReadOnlyMemory<byte> signed = list.PeekEncodedValue();
        AsnReader content = list.ReadSequence();
        string algorithm = list.ReadSequence().ReadObjectIdentifier();
        byte[] signature = list.ReadBitString(out _);

        if (content.PeekTag() == Asn1Tag.Integer) content.ReadInteger();
        content.ReadSequence();
        byte[] issuer = content.ReadEncodedValue().ToArray();
        ReadTime(content);
        DateTimeOffset? nextUpdate = content.HasData && IsTime(content.PeekTag()) ? ReadTime(content) : null;
        HashSet<BigInteger> serials = [];
        if (content.HasData && content.PeekTag() == Asn1Tag.Sequence)
        {
            AsnReader revoked = content.ReadSequence();
            while (revoked.HasData)
                serials.Add(new BigInteger(revoked.ReadSequence().ReadIntegerBytes().Span, isUnsigned: true, isBigEndian: true));
        }

        if (content.HasData) RefuseCritical(content.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence());
        if (!authorities.Any(authority => authority.SubjectName.RawData.AsSpan().SequenceEqual(issuer)
                && IsSignedBy(authority, signed.Span, algorithm, signature)))
            throw new InvalidDataException("a list is signed by none of the authorities in Claims__Tls__ClientCa");
        return new RevocationList(issuer, serials.ToFrozenSet(), nextUpdate);
    }

    // One of changes alone, or of some certificates alone, would be taken for the whole.
    private static void RefuseCritical(AsnReader extensions)
    {
        while (extensions.HasData)
        {
            AsnReader extension = extensions.ReadSequence();
            string id = extension.ReadObjectIdentifier();
            if (extension.PeekTag() == Asn1Tag.Boolean && extension.ReadBoolean())
                throw new InvalidDataException($"a list has the critical extension {id}, which is not known here: give whole lists");
        }
    }

    private static bool IsSignedBy(X509Certificate2 authority, ReadOnlySpan<byte> signed, string algorithm, byte[] signature)
    {
        HashAlgorithmName hash = algorithm switch
        {
            "1.2.840.10045.4.3.2" or "1.2.840.113549.1.1.11" => HashAlgorithmName.SHA256,
            "1.2.840.10045.4.3.3" or "1.2.840.113549.1.1.12" => HashAlgorithmName.SHA384,
            "1.2.840.10045.4.3.4" or "1.2.840.113549.1.1.13" => HashAlgorithmName.SHA512,
            _ => throw new InvalidDataException($"a list is signed by algorithm {algorithm}; ECDSA and RSA (PKCS 1) with SHA-2 are known"),
        };
        using ECDsa? elliptic = authority.GetECDsaPublicKey();
        if (elliptic is not null) return elliptic.VerifyData(signed, signature, hash, DSASignatureFormat.Rfc3279DerSequence);
        using RSA? rsa = authority.GetRSAPublicKey();
        return rsa is not null && rsa.VerifyData(signed, signature, hash, RSASignaturePadding.Pkcs1);
    }

    private static bool IsTime(Asn1Tag tag) => tag == Asn1Tag.UtcTime || tag == Asn1Tag.GeneralizedTime;

    private static DateTimeOffset ReadTime(AsnReader reader) =>
        reader.PeekTag() == Asn1Tag.UtcTime ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();
}
