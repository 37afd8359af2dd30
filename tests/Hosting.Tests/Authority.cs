using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hosting.Tests;

/// <summary>What a certificate may be used for.</summary>
[Flags]
public enum Usage
{
    Server = 1,
    Client = 2,
    Both = Server | Client,
}

/// <summary>A certificate authority whose files live in a directory.</summary>
internal sealed class Authority
{
    private readonly string _directory;
    private readonly string _name;
    private readonly X509Certificate2 _root;

    /// <param name="over">The authority that answers for this one; null for one that answers for itself.</param>
    public Authority(string directory, string name, Authority? over = null)
    {
        _directory = directory;
        _name = name;
        ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        (DateTimeOffset from, DateTimeOffset to) = (DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1));
        _root = over is null
            ? request.CreateSelfSigned(from, to)
            : request.Create(over._root, from, new DateTimeOffset(over._root.NotAfter), RandomNumberGenerator.GetBytes(12))
                .CopyWithPrivateKey(key);
        File.WriteAllText(CertificateFile, _root.ExportCertificatePem());
    }

    public string CertificateFile => Path.Combine(_directory, _name + ".crt");

    /// <summary>Writes a list of what was taken back.</summary>
    /// <param name="certificates">Files that <see cref="Issue"/> has written.</param>
    /// <param name="hoursLeft">Until another one is due; below 0, it is overdue.</param>
    /// <returns>The file's path.</returns>
    public string Revoke(string[] certificates, int hoursLeft = 1, string file = "revoked.pem")
    {
        CertificateRevocationListBuilder list = new();
        foreach (string path in certificates)
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(path);
            list.AddEntry(certificate);
        }

        byte[] der = list.Build(_root, 1, DateTimeOffset.UtcNow.AddHours(hoursLeft), HashAlgorithmName.SHA256,
            thisUpdate: DateTimeOffset.UtcNow.AddDays(-2));
        string revoked = Path.Combine(_directory, file);
        File.WriteAllText(revoked, Pem(der));
        return revoked;
    }

    /// <summary>Writes a list of what was taken back since another list: its extension, which is critical, says so (RFC 5280,
    /// 5.2.4).</summary>
    public string RevokeSince(int list, string file)
    {
        AsnReader whole = new(Convert.FromBase64String(string.Concat(
            File.ReadLines(Revoke([], file: file)).Where(line => !line.StartsWith('-')))), AsnEncodingRules.DER);
        AsnReader parts = whole.ReadSequence();
        AsnReader content = parts.ReadSequence();
        ReadOnlyMemory<byte> algorithm = parts.ReadEncodedValue();
        Asn1Tag extensions = new(TagClass.ContextSpecific, 0, isConstructed: true);
        AsnWriter signed = new(AsnEncodingRules.DER);
        using (signed.PushSequence())
        {
            while (content.HasData && content.PeekTag() != extensions) signed.WriteEncodedValue(content.ReadEncodedValue().Span);
            using (signed.PushSequence(extensions))
            using (signed.PushSequence())
            using (signed.PushSequence())
            {
                signed.WriteObjectIdentifier("2.5.29.27");
                signed.WriteBoolean(true);
                using (signed.PushOctetString()) signed.WriteInteger(list);
            }
        }

        AsnWriter made = new(AsnEncodingRules.DER);
        using ECDsa key = _root.GetECDsaPrivateKey()!;
        using (made.PushSequence())
        {
            made.WriteEncodedValue(signed.Encode());
            made.WriteEncodedValue(algorithm.Span);
            made.WriteBitString(key.SignData(signed.Encode(), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        }

        string path = Path.Combine(_directory, file);
        File.WriteAllText(path, Pem(made.Encode()));
        return path;
    }

    private static string Pem(byte[] der) => PemEncoding.WriteString("X509 CRL", der) + "\n";

    public X509ChainPolicy Trust() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { _root },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    /// <summary>A certificate as settings: certificate, key, authority.</summary>
    /// <param name="minutesLeft">Below 0: it has expired.</param>
    /// <param name="identity">Its URI name.</param>
    public string[] Issue(
        string service, string host, Usage usage = Usage.Both, int minutesLeft = 30, string? identity = "claims://facility/H1")
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={service}", key, HashAlgorithmName.SHA256);
        OidCollection uses = [];
        if (usage.HasFlag(Usage.Server)) uses.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (usage.HasFlag(Usage.Client)) uses.Add(new Oid("1.3.6.1.5.5.7.3.2"));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(host);
        if (identity is not null) names.AddUri(new Uri(identity));
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate =
            request.Create(_root, DateTimeOffset.UtcNow.AddMinutes(-4), DateTimeOffset.UtcNow.AddMinutes(minutesLeft),
            RandomNumberGenerator.GetBytes(12));
        string file = Path.Combine(_directory, $"{_name}-{service}");
        File.WriteAllText(file + ".crt", certificate.ExportCertificatePem());
        File.WriteAllText(file + ".key", key.ExportPkcs8PrivateKeyPem());
        return [$"--Claims:Tls:Certificate={file}.crt", $"--Claims:Tls:Key={file}.key",
            $"--Claims:Tls:ClientCa={CertificateFile}"];
    }
}
