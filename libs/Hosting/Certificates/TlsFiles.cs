using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Claims.Hosting;

/// <summary>One reading of the files: this service's certificate, the authorities it accepts, what they have taken back, and what the names
/// in their certificates mean.</summary>
internal sealed record TlsFiles(
    X509Certificate2 Certificate, X509Certificate2Collection Authorities, CertificateNames Names,
    IReadOnlyList<RevocationList> Revocations)
{
    /// <summary>Made once: for each handshake it would be made anew.</summary>
    public SslStreamCertificateContext Context { get; } =
        SslStreamCertificateContext.Create(Certificate, additionalCertificates: null, offline: true);

    /// <exception cref="SettingsException">A file cannot be read as what it should be.</exception>
    public static TlsFiles Read(TlsSettings settings)
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
            setting = nameof(TlsSettings.Revoked);
            IReadOnlyList<RevocationList> revocations =
                string.IsNullOrEmpty(settings.Revoked) ? [] : RevocationList.Load(settings.Revoked, authorities);
            return new TlsFiles(certificate, authorities, names, revocations);
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
}
