using System.CommandLine;
using System.Globalization;
using Claims.Cli.Certificates;
using Claims.Hosting;

namespace Claims.Cli.Commands;

/// <summary>A test authority, for trying mutual TLS.</summary>
public static class CertsCommand
{
    private const int MostDays = 3_650;

    public static Command Create() =>
        new("certs", "A test authority, certificates by which callers and services are known, and a list of those taken back. Not for "
            + "production.")
        {
            CreateAuthority(), CreateIssue(), CreateRevoke(),
        };

    private static Command CreateAuthority()
    {
        Argument<string> directory = Directory("Made where it is not there, and then for you alone. What is there is left alone.");
        Option<int> days = Days("After how long another list of those taken back is due.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("authority", "Make an authority, or write the list of an old one anew.") { directory, days, json };
        command.SetAction(result =>
        {
            using TestAuthority authority =
                TestAuthority.Make(result.GetValue(directory)!, result.GetValue(days), TimeProvider.System);
            Show(authority, [], authority.Revoke([]), result.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateIssue()
    {
        Argument<string> directory = Directory("Of the authority.");
        Argument<string[]> uris = new("uri")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "Who the holder is: claims://facility/CODE, claims://clinic/CODE, claims://service/NAME (adjudication, "
                + "eligibility, ledger, gateway) or claims://role/NAME (finance, operations, bureau, audit). Its last part names the "
                + "files.",
        };
        Option<int> days = Days("How long new certificates hold, and after which another list is due.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("issue", "Make a certificate and a key for each name that has none.") { directory, uris, days, json };
        command.SetAction(result =>
        {
            Identity[] identities = [.. result.GetValue(uris)!.Select(Parse).Distinct()];
            using TestAuthority authority =
                TestAuthority.Open(result.GetValue(directory)!, result.GetValue(days), TimeProvider.System);
            Show(authority, [.. identities.Select(authority.Issue)], authority.Revoke([]), result.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateRevoke()
    {
        Argument<string> directory = Directory("Of the authority.");
        Argument<string[]> files = new("file")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "A certificate of this authority's, here or in its directory.",
        };
        Option<int> days = Days("After how long another list is due.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("revoke", "Put certificates on the list of those taken back, revoked.pem.")
        {
            directory, files, days, json,
        };
        command.SetAction(result =>
        {
            using TestAuthority authority =
                TestAuthority.Open(result.GetValue(directory)!, result.GetValue(days), TimeProvider.System);
            Show(authority, [], authority.Revoke(result.GetValue(files)!), result.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Argument<string> Directory(string description) => new("dir") { Description = description };

    private static Option<int> Days(string description)
    {
        Option<int> days = CommonOptions.AtLeastOne("--days", description, 30);
        days.Must(number => number <= MostDays, $"at most {MostDays}");
        return days;
    }

    private static Identity Parse(string uri) => Identity.TryParse(uri, out Identity? identity) && identity.Kind != Callers.Local
        ? identity
        : throw new CommandException(
            $"{uri} is no identity that this system knows, such as {Identity.Scheme}clinic/CODE.", ExitCodes.Failed);

    private static void Show(TestAuthority authority, Issued[] issued, DateTimeOffset due, bool json)
    {
        if (json) WriteJson(authority, issued, due);
        else Print(authority, issued, due);
    }

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
