using System.Net;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Claims.Hosting;

namespace Claims.Cli.Certificates;

/// <summary>What became of a certificate.</summary>
public enum Issue
{
    Made,

    /// <summary>It was there before, and is as it was.</summary>
    Kept,

    /// <summary>The list has it.</summary>
    Revoked,
}

/// <summary>A certificate of the authority's.</summary>
/// <param name="Name">Of its files, without their endings.</param>
public sealed record Issued(string Name, Identity Identity, Issue State, DateTimeOffset NotAfter);

/// <summary>
/// A certificate authority for trying mutual TLS, whose files lie in a directory of its owner's alone: <c>ca.crt</c> and <c>ca.key</c>,
/// <c>revoked.pem</c>, and a certificate and key for each identity, named by the last part of its URI: <c>CODE.crt</c> for
/// <c>claims://facility/CODE</c>. No key is ever written over.
/// </summary>
public sealed class TestAuthority : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const string AuthorityName = "ca";
    private const int AuthorityDays = 3_650;
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // A clock that is a little behind takes them too.
    private static readonly TimeSpan Allowance = TimeSpan.FromHours(1);

    private readonly string _directory;
    private readonly int _days;
    private readonly DateTimeOffset _now;
    private readonly X509Certificate2 _root;

    private TestAuthority(string directory, int days, DateTimeOffset now)
    {
        _directory = directory;
        _days = days;
        _now = now;
        _root = OpenRoot();
    }

    public string RevokedFile => Path.Combine(_directory, "revoked.pem");

    public string AuthorityFile => CertificateFile(AuthorityName);

    /// <summary>Goes on with the authority of a directory.</summary>
    /// <param name="days">How long new certificates hold, and after which another list is due.</param>
    /// <exception cref="CommandException">The directory has none.</exception>
    public static TestAuthority Open(string directory, int days, TimeProvider time)
    {
        string path = Path.GetFullPath(directory);
        return File.Exists(Path.Combine(path, $"{AuthorityName}.key"))
            ? Make(path, days, time)
            : throw new CommandException($"{path} has no authority; make one with: claims certs authority {directory}", ExitCodes.Failed);
    }

    /// <summary>Makes the directory and the authority, or goes on with what is there.</summary>
    /// <param name="days">How long new certificates hold, and after which another list is due.</param>
    /// <exception cref="CommandException">The directory is somebody else's.</exception>
    public static TestAuthority Make(string directory, int days, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        const UnixFileMode OwnDirectory = Own | UnixFileMode.UserExecute;
        string path = Path.GetFullPath(directory);
        if (File.Exists(path)) throw new CommandException($"{path} is a file and not a directory.", ExitCodes.Failed);
        bool isThere = Directory.Exists(path);
        if (isThere && Directory.EnumerateFileSystemEntries(path).Any() && !File.Exists(Path.Combine(path, $"{AuthorityName}.key")))
            throw new CommandException($"{path} has files of something else; name a new directory.", ExitCodes.Failed);
        if (isThere) File.SetUnixFileMode(path, OwnDirectory);
        else Directory.CreateDirectory(path, OwnDirectory);
        return new TestAuthority(path, days, time.GetUtcNow());
    }

    /// <summary>A facility, clinic or role calls and does not serve; a service does both, under its own name and localhost.</summary>
    /// <exception cref="CommandException">The name's file is another identity's.</exception>
    public Issued Issue(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        string name = identity.ToString().Split('/')[^1];
        if (name.Equals(AuthorityName, StringComparison.OrdinalIgnoreCase))
            throw new CommandException($"{identity} would be named as the authority's own files are.", ExitCodes.Failed);
        if (File.Exists(CertificateFile(name)))
        {
            using X509Certificate2 there = X509CertificateLoader.LoadCertificateFromFile(CertificateFile(name));
            if (!IsOf(there, identity))
            {
                throw new CommandException(
                    $"{CertificateFile(name)} is another's than {identity}; take another directory.", ExitCodes.Failed);
            }

            return new Issued(name, identity, IsRevoked(there) ? Certificates.Issue.Revoked : Certificates.Issue.Kept, EndOf(there));
        }

        using ECDsa key = OpenKey(name);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        OidCollection uses = [new Oid(ClientAuthentication)];
        SubjectAlternativeNameBuilder names = new();
        names.AddUri(new Uri(identity.ToString()));
        if (identity.IsService)
        {
            uses.Add(new Oid(ServerAuthentication));
            names.AddDnsName(identity.Name);
            names.AddDnsName("localhost");
            names.AddIpAddress(IPAddress.Loopback);
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_root, true, false));
        DateTimeOffset end = _now.AddDays(_days);
        if (end > EndOf(_root)) end = EndOf(_root);
        using X509Certificate2 certificate = request.Create(_root, _now - Allowance, end, RandomNumberGenerator.GetBytes(16));
        Write(CertificateFile(name), certificate.ExportCertificatePem());
        return new Issued(name, identity, Certificates.Issue.Made, EndOf(certificate));
    }

    /// <summary>Writes the list anew: who stood in it, and the certificates of these files.</summary>
    /// <returns>By when another list is due.</returns>
    /// <exception cref="CommandException">A file is no certificate of this authority's.</exception>
    public DateTimeOffset Revoke(IReadOnlyList<string> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        BigInteger number = 0;
        CertificateRevocationListBuilder list = File.Exists(RevokedFile)
            ? CertificateRevocationListBuilder.LoadPem(File.ReadAllText(RevokedFile), out number)
            : new CertificateRevocationListBuilder();
        foreach (string file in files)
        {
            using X509Certificate2 certificate = OwnCertificate(file);
            list.RemoveEntry(certificate.SerialNumberBytes.Span);
            list.AddEntry(certificate, _now);
        }

        DateTimeOffset due = _now.AddDays(_days);
        byte[] der = list.Build(_root, number + 1, due, HashAlgorithmName.SHA256, thisUpdate: _now - Allowance);
        Write(RevokedFile, PemEncoding.WriteString("X509 CRL", der));
        return due;
    }

    public string CertificateFile(string name) => Path.Combine(_directory, $"{name}.crt");

    public string KeyFile(string name) => Path.Combine(_directory, $"{name}.key");

    public void Dispose() => _root.Dispose();

    private X509Certificate2 OpenRoot()
    {
        using ECDsa key = OpenKey(AuthorityName);
        if (!File.Exists(AuthorityFile))
        {
            CertificateRequest request = new("CN=claims test authority", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
            request.CertificateExtensions.Add(
                new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
            using X509Certificate2 made = request.CreateSelfSigned(_now - Allowance, _now.AddDays(AuthorityDays));
            Write(AuthorityFile, made.ExportCertificatePem());
        }

        return X509Certificate2.CreateFromPemFile(AuthorityFile, KeyFile(AuthorityName));
    }

    private X509Certificate2 OwnCertificate(string file)
    {
        string path = File.Exists(file) ? file : Path.Combine(_directory, file);
        if (!File.Exists(path)) throw new CommandException($"{file} does not exist, here or in {_directory}.", ExitCodes.Failed);
        X509Certificate2 certificate;
        try
        {
            certificate = X509CertificateLoader.LoadCertificateFromFile(path);
        }
        catch (CryptographicException)
        {
            throw new CommandException($"{file} is not a certificate.", ExitCodes.Failed);
        }

        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // One that has run out may be taken back as well.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        if (chain.Build(certificate) && !certificate.RawDataMemory.Span.SequenceEqual(_root.RawDataMemory.Span)) return certificate;
        certificate.Dispose();
        throw new CommandException($"{file} is not of the authority in {_directory}.", ExitCodes.Failed);
    }

    private static bool IsOf(X509Certificate2 certificate, Identity identity)
    {
        // A URI among the names: its tag, its length, which is below 128, and its letters.
        const byte UriTag = 0x86;
        byte[] letters = Encoding.ASCII.GetBytes(identity.ToString());
        byte[] name = [UriTag, checked((byte)letters.Length), .. letters];
        return certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .Any(names => names.RawData.AsSpan().IndexOf(name) >= 0);
    }

    private bool IsRevoked(X509Certificate2 certificate) => File.Exists(RevokedFile)
        && CertificateRevocationListBuilder.LoadPem(File.ReadAllText(RevokedFile), out _)
            .RemoveEntry(certificate.SerialNumberBytes.Span);

    private ECDsa OpenKey(string name)
    {
        ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(KeyFile(name)))
        {
            key.ImportFromPem(File.ReadAllText(KeyFile(name)));
            return key;
        }

        FileStreamOptions own = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Own };
        using StreamWriter file = new(KeyFile(name), own);
        file.WriteLine(key.ExportPkcs8PrivateKeyPem());
        return key;
    }

    private static DateTimeOffset EndOf(X509Certificate2 certificate) => new(certificate.NotAfter);

    // A service that reads while it is written finds the old one or the new one.
    private static void Write(string path, string pem)
    {
        File.WriteAllText(path + ".new", pem + "\n");
        File.Move(path + ".new", path, overwrite: true);
    }
}
