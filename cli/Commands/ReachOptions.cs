using System.CommandLine;
using Claims.Cli.LocalSystem;
using Claims.Hosting;

namespace Claims.Cli.Commands;

/// <summary>Where the services are that a command calls, and as whom: those of this machine's system unless named.</summary>
public static class ReachOptions
{
    private const string Form = "--at must be ADDRESS, or SERVICE=ADDRESS of adjudication, operators, eligibility or "
        + "ledger, with an ADDRESS "
        + "like http://HOST:PORT or https://HOST:PORT";

    /// <summary>Not a service of its own: Adjudication's port for operators.</summary>
    public const string Operators = "operators";

    private static readonly string[] ServiceNames = ["adjudication", Operators, "eligibility", "ledger"];

    private static readonly Option<string[]> At = new("--at")
    {
        Description = "SERVICE=ADDRESS of a deployed system, once for each of adjudication, operators (Adjudication's "
            + "port for them), eligibility and ledger that the command calls; or one ADDRESS whose port is the base, as "
                + "CLAIMS_PORT_BASE is.",
        Recursive = true,
    };

    private static readonly Option<string?> Identity = new("--identity")
    {
        Description = "URI of who calls, for services on this machine without TLS; with TLS the certificate says it.",
        Recursive = true,
    };

    private static readonly Option<FileInfo?> Certificate = new("--certificate") { Description = "PEM, for https.", Recursive = true };

    // Vouchers have a --key of their own.
    private static readonly Option<FileInfo?> CertificateKey =
        new("--certificate-key") { Description = "PEM, of the certificate.", Recursive = true };

    private static readonly Option<FileInfo?> Authority =
        new("--authority") { Description = "PEM of the authorities that issue the services' certificates.", Recursive = true };

    /// <summary>The command, and those below it, with these options.</summary>
    public static Command Reaching(this Command command)
    {
        ArgumentNullException.ThrowIfNull(command);
        command.Add(At);
        return command.ReachingNamed();
    }

    /// <summary>The same for a command whose own options name the addresses.</summary>
    public static Command ReachingNamed(this Command command)
    {
        ArgumentNullException.ThrowIfNull(command);
        foreach (Option option in (Option[])[Identity, Certificate, CertificateKey, Authority]) command.Add(option);
        return command;
    }

    /// <param name="named">Addresses that options of the command's own give.</param>
    /// <returns>Null where nothing is named: the system of this machine is meant.</returns>
    /// <exception cref="CommandException">What is named is no address, or does not go together.</exception>
    public static Reach? Of(ParseResult parsed, params (string Service, string Address)[] named)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        ArgumentNullException.ThrowIfNull(named);
        Dictionary<string, string> addresses = AddressesOf(parsed.GetValue(At) ?? []);
        foreach ((string service, string address) in named) addresses[service] = address;
        Reach reach = new(addresses, parsed.GetValue(Identity), TlsOf(parsed));
        if (addresses.Count == 0 && reach.Tls is not null)
            throw new CommandException("--certificate is for a deployed system: name it with --at https://HOST:PORT.");
        foreach ((string service, string address) in addresses)
        {
            bool secure = new Uri(address).Scheme == "https";
            if (secure && reach.Tls is null)
                throw new CommandException($"{service} at {address} takes --certificate, --certificate-key and --authority.");
            if (!secure && reach.Tls is not null)
                throw new CommandException($"{service} at {address} has no TLS, so it cannot be shown a certificate: it must be "
                    + "https://….");
            if (!secure && !new Uri(address).IsLoopback)
                throw new CommandException($"{service} at {address} is on another machine: services speak without TLS on their own "
                    + $"only, so it must be https://… with --certificate, --certificate-key and --authority.");
        }

        if (reach is { Identity: not null, Tls: not null })
            throw new CommandException("--identity and --certificate are not given together: the certificate says who calls.");
        if (reach.Identity is { } identity && !Uri.IsWellFormedUriString(identity, UriKind.Absolute))
            throw new CommandException($"--identity must be a URI, not '{identity}'.");
        return addresses.Count > 0 || reach.Identity is not null ? reach : null;
    }

    private static Dictionary<string, string> AddressesOf(string[] named)
    {
        Dictionary<string, string> addresses = new(StringComparer.Ordinal);
        foreach (string text in named)
        {
            string[] parts = text.Split('=', 2);
            if (parts is [var one])
            {
                SystemLayout layout = new("", AddressOf(one).Port);
                Add("adjudication", AtPort(one, layout.AdjudicationPort));
                Add(Operators, AtPort(one, layout.AdjudicationOperatorsPort));
                Add("eligibility", AtPort(one, layout.EligibilityPort));
                Add("ledger", AtPort(one, layout.LedgerPort));
            }
            else if (ServiceNames.Contains(parts[0], StringComparer.Ordinal))
            {
                Add(parts[0], AddressOf(parts[1]).GetLeftPart(UriPartial.Authority));
            }
            else
            {
                throw new CommandException($"{Form}; '{parts[0]}' is no service.");
            }
        }

        return addresses;

        void Add(string service, string address)
        {
            if (!addresses.TryAdd(service, address)) throw new CommandException($"--at names {service} twice.");
        }

        static string AtPort(string address, int port) => port <= ushort.MaxValue
            ? new UriBuilder(address) { Port = port }.Uri.GetLeftPart(UriPartial.Authority)
            : throw new CommandException($"--at {address} is no base: the services' ports follow it, and there are no more than 65535.");
    }

    private static Uri AddressOf(string text) => text.Length > 0 && new ServiceAddressAttribute().IsValid(text)
        ? new Uri(text)
        : throw new CommandException($"{Form}, not '{text}'.");

    private static TlsSettings? TlsOf(ParseResult parsed)
    {
        FileInfo?[] files = [parsed.GetValue(Certificate), parsed.GetValue(CertificateKey), parsed.GetValue(Authority)];
        if (files.All(file => file is null)) return null;
        if (files.Any(file => file is null))
            throw new CommandException("--certificate, --certificate-key and --authority are given together.");
        foreach (FileInfo? file in files)
        {
            if (!file!.Exists) throw new CommandException($"{file} does not exist.");
        }

        return new TlsSettings { Certificate = files[0]!.FullName, Key = files[1]!.FullName, ClientCa = files[2]!.FullName };
    }
}

/// <summary>A system that the command did not start.</summary>
/// <param name="Addresses">By service.</param>
/// <param name="Identity">Sent with every call, without TLS.</param>
public sealed record Reach(IReadOnlyDictionary<string, string> Addresses, string? Identity, TlsSettings? Tls);
