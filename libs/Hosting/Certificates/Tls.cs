using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Claims.Hosting;

internal enum TlsRole
{
    Client,
    Server,
}

/// <summary>What the files of <see cref="TlsSettings"/> hold, read again when they change.</summary>
internal sealed class Tls
{
    private readonly TlsSettings _settings;
    private volatile TlsFiles _files;
    private byte[] _readHash;
    private int _version = 1;

    private Tls(TlsSettings settings, byte[] hash, TlsFiles files)
    {
        _settings = settings;
        _readHash = hash;
        _files = files;
    }

    /// <summary>Goes up with each reading: who was trusted under an earlier one is looked at again.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>This service's own.</summary>
    public X509Certificate2 Certificate => _files.Certificate;

    /// <summary>The earliest time by which the authority promised another list; null without a list, or a promise.</summary>
    public DateTimeOffset? RevocationsDue => _files.Revocations.Min(list => list.NextUpdate);

    /// <summary>Whether a file names certificates that were taken back.</summary>
    public bool HasRevocations => _files.Revocations.Count > 0;

    /// <exception cref="SettingsException">A file cannot be read as what it should be.</exception>
    public static Tls Load(TlsSettings settings)
    {
        byte[] hash = HashOf(settings);
        return new Tls(settings, hash, TlsFiles.Read(settings));
    }

    /// <summary>Reads the files where their content is another than it was. A broken one changes nothing.</summary>
    /// <returns>False: they are as they were, also where they were broken.</returns>
    /// <exception cref="SettingsException">A file cannot be read as what it should be.</exception>
    public bool ReadAgain()
    {
        byte[] hash = HashOf(_settings);
        if (hash.AsSpan().SequenceEqual(_readHash)) return false;
        _readHash = hash;
        _files = TlsFiles.Read(_settings);
        Interlocked.Increment(ref _version);
        return true;
    }

    /// <summary>For one handshake of a server that asks its callers for their certificates.</summary>
    /// <param name="certificateOptional">Who has none is let in as well, and must say who it is otherwise.</param>
    public SslServerAuthenticationOptions ServerOptions(bool certificateOptional) => new()
    {
        ServerCertificateContext = _files.Context,
        ClientCertificateRequired = true,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            certificate is null ? certificateOptional : certificate is X509Certificate2 presented && Trusts(presented, TlsRole.Client),
    };

    /// <returns>Null where the certificate's names do not say who its holder is.</returns>
    public Identity? IdentityOf(X509Certificate2 presented) => _files.Names.IdentityOf(presented);

    /// <summary>For a server that was called by name: its certificate carries the name and is trusted.</summary>
    public bool TrustsServer(X509Certificate? certificate, SslPolicyErrors errors) =>
        certificate is X509Certificate2 presented && !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            && Trusts(presented, TlsRole.Server);

    /// <summary>Whether the certificate was issued by one of the authorities, not taken back, is valid now, and may be used in that
    /// role.</summary>
    public bool Trusts(X509Certificate2 certificate, TlsRole role)
    {
        TlsFiles files = _files;
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(files.Authorities);
        // .NET asks addresses for lists, or the machine's own store: ours lie in a file, and are looked at below.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(role == TlsRole.Client ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1"));
        return chain.Build(certificate)
            && !chain.ChainElements.Any(element => files.Revocations.Any(list => list.Has(element.Certificate)));
    }

    private static byte[] HashOf(TlsSettings settings)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string? path in new[] { settings.Certificate, settings.Key, settings.ClientCa, settings.Identities, settings.Revoked })
        {
            if (string.IsNullOrEmpty(path)) continue;
            try
            {
                byte[] content = File.ReadAllBytes(path);
                hash.AppendData(BitConverter.GetBytes(content.LongLength));
                hash.AppendData(content);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Reading says which one it is.
                hash.AppendData([0]);
            }
        }

        return hash.GetHashAndReset();
    }
}
