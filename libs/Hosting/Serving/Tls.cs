using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Claims.Hosting;

internal enum TlsRole
{
    Client,
    Server,
}

/// <summary>This service's certificate, the authorities it accepts, and what the names in their certificates mean.</summary>
internal sealed class Tls(X509Certificate2 certificate, X509Certificate2Collection authorities, CertificateNames names)
{
    public X509Certificate2 Certificate { get; } = certificate;

    /// <exception cref="SettingsException">A file cannot be read as what it should be.</exception>
    public static Tls Load(TlsSettings settings)
    {
        string setting = nameof(TlsSettings.Certificate);
        try
        {
            X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(settings.Certificate!, settings.Key);
            setting = nameof(TlsSettings.ClientCa);
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(settings.ClientCa!);
            if (authorities.Count == 0) throw new CryptographicException("it holds no certificate");
            setting = nameof(TlsSettings.Identities);
            CertificateNames names =
                string.IsNullOrEmpty(settings.Identities) ? CertificateNames.None : CertificateNames.Load(settings.Identities);
            return new Tls(certificate, authorities, names);
        }
        catch (InvalidDataException exception)
        {
            throw new SettingsException([$"Setting Claims:Tls:{setting} (environment variable Claims__Tls__{setting}) names a file that "
                + $"cannot be used: {exception.Message}."]);
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new SettingsException([$"Setting Claims:Tls:{setting} (environment variable Claims__Tls__{setting}) cannot be read as "
                + $"PEM: {exception.Message.TrimEnd('.')}."], exception.Message.TrimEnd('.'));
        }
    }

    /// <returns>Null where the certificate's names do not say who its holder is.</returns>
    public Identity? IdentityOf(X509Certificate2 presented) => names.IdentityOf(presented);

    /// <summary>For a server that was called by name: its certificate carries the name and is trusted.</summary>
    public bool TrustsServer(X509Certificate? certificate, SslPolicyErrors errors) =>
        certificate is X509Certificate2 presented && !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            && Trusts(presented, TlsRole.Server);

    /// <summary>Whether the certificate was issued by one of the authorities, is valid now, and may be used in that role.</summary>
    public bool Trusts(X509Certificate2 certificate, TlsRole role)
    {
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        // An internal authority rarely publishes revocation lists; short-lived certificates take their place.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(role == TlsRole.Client ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1"));
        return chain.Build(certificate);
    }
}
