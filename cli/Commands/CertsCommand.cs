using System.CommandLine;
using System.Globalization;
using Claims.Cli.Certificates;
using Claims.Hosting;

namespace Claims.Cli.Commands;

/// <summary>A test authority, for trying mutual TLS.</summary>
public static class CertsCommand
{
    private const int MostDays = 3_650;

    public static Command Create()
    {
        Argument<string> directory = new("dir")
        {
            Description = "Of the authority; made where it is not there, and then for you alone. What is there is left alone.",
        };
        Option<string[]> facilities = Names("--facility", "CODE", "A hospital's certificate, claims://facility/CODE, to call with.");
        Option<string[]> clinics = Names("--clinic", "CODE", "A clinic's, claims://clinic/CODE.");
        Option<string[]> services = Names(
            "--service", "NAME", "A service's, claims://service/NAME, to serve and to call with: adjudication, eligibility, ledger, "
                + "gateway.");
        Option<string[]> roles = Names("--role", "NAME", "One of the bureau's, claims://role/NAME: finance, operations, bureau, audit.");
        Option<int> days = CommonOptions.AtLeastOne("--days", "How long new certificates hold, and after which another list is due.", 30);
        days.Must(number => number <= MostDays, $"at most {MostDays}");
        Option<string[]> revoke = Names("--revoke", "FILE", "A certificate of this authority's, to be put on the list in revoked.pem.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("certs", "Make a test authority, certificates by which callers and services are known, and a list of those "
            + "taken back. Not for production.")
        {
            directory, facilities, clinics, services, roles, days, revoke, json,
        };
        command.SetAction(result =>
        {
            Identity[] identities =
            [
                .. Identities("service", result.GetValue(services)), .. Identities("facility", result.GetValue(facilities)),
                .. Identities("clinic", result.GetValue(clinics)), .. Identities("role", result.GetValue(roles)),
            ];
            using TestAuthority authority =
                TestAuthority.Open(result.GetValue(directory)!, result.GetValue(days), TimeProvider.System);
            Issued[] issued = [.. identities.Distinct().Select(authority.Issue)];
            DateTimeOffset due = authority.Revoke(result.GetValue(revoke) ?? []);
            issued = [.. issued.Select(one => authority.IsRevoked(one.Name) ? one with { State = Issue.Revoked } : one)];
            if (result.GetValue(json)) WriteJson(authority, issued, due);
            else Print(authority, issued, due);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Option<string[]> Names(string name, string value, string description) =>
        new(name) { HelpName = value, Description = $"{description} May stand several times." };

    private static IEnumerable<Identity> Identities(string family, string[]? names) => (names ?? []).Select(name =>
        Identity.TryParse($"{Identity.Scheme}{family}/{name}", out Identity? identity) && identity.Kind != Callers.Local
            ? identity
            : throw new CommandException($"--{family} {name} is no {Identity.Scheme}{family}/… that this system knows.", ExitCodes.Failed));

    private static void Print(TestAuthority authority, Issued[] issued, DateTimeOffset due)
    {
        if (issued.Length > 0)
        {
            Output.Table(["certificate", "identity", "holds until", "state"], issued.Select(one => new[]
            {
                $"{one.Name}.crt", one.Identity.ToString(), Day(one.NotAfter), one.State.ToString().ToLowerInvariant(),
            }));
        }

        Output.Line($"The authority is {authority.AuthorityFile}; its list, {authority.RevokedFile}, is due again by {Day(due)}.");
    }

    private static void WriteJson(TestAuthority authority, Issued[] issued, DateTimeOffset due) => Output.WriteJson(new
    {
        Authority = authority.AuthorityFile,
        Revoked = authority.RevokedFile,
        RevokedDue = due,
        Certificates = issued.Select(one => new
        {
            Identity = one.Identity.ToString(),
            Certificate = authority.CertificateFile(one.Name),
            Key = authority.KeyFile(one.Name),
            one.NotAfter,
            State = one.State.ToString().ToLowerInvariant(),
        }),
    });

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}
