using System.CommandLine;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>Credentials of clinics: who may log in at the page, and which machines may call for a clinic.</summary>
public static class ClinicCommand
{
    /// <summary>Of a clinic that has one clerk.</summary>
    public const string UsualClerk = "clerk";

    private const string UsualMachine = "machine";
    private const int UsualDays = 365;
    private const int MostDays = 3_650;

    public static Command Create()
    {
        Command command = new("clinic", "Issue, reset, revoke and list the credentials by which clinics log in at the gateway's page, and "
            + "tokens of their machines. A secret is shown once.")
        {
            Issue("add", "A first password for a clerk, to be changed at the first login.", reset: false),
            Issue("reset", "A new first password; what the clerk had, sessions too, ends with it.", reset: true),
            Token(),
            Revoke(),
            List(),
        };
        return command.Reaching();
    }

    /// <exception cref="CommandException">Eligibility refuses, or does not answer.</exception>
    public static Task<IssuedCredential> IssueAsync(
        Services services, IssueCredentialRequest request, CancellationToken cancellationToken) =>
        AskAsync(services, access => access.IssueCredentialAsync(request, cancellationToken: cancellationToken));

    /// <summary>The first login of a system at which nobody can log in yet; null where somebody can, or no facility takes part.</summary>
    public static async Task<IssuedCredential?> FirstLoginAsync(Services services, CancellationToken cancellationToken)
    {
        ClinicRegistry.ClinicRegistryClient registry = new(services.Connect(services.Layout.EligibilityAddress));
        try
        {
            SuggestedClinic clinic = await registry.SuggestClinicAsync(new SuggestClinicRequest(), cancellationToken: cancellationToken);
            return clinic.FacilityCode.Length == 0 ? null : await IssueAsync(
                services, new IssueCredentialRequest { FacilityCode = clinic.FacilityCode, Clerk = UsualClerk }, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Services.Failure("eligibility", services.Layout.EligibilityAddress, e);
        }
    }

    private static Command Issue(string name, string description, bool reset)
    {
        Argument<string> code = Code();
        Option<string> clerk = Clerk(UsualClerk);
        Option<bool> json = CommonOptions.Json();
        Command command = new(name, description) { code, clerk, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            IssuedCredential issued = await IssueAsync(services, new IssueCredentialRequest
            {
                FacilityCode = result.GetValue(code)!,
                Clerk = result.GetValue(clerk)!,
                Reset = reset,
            }, cancel);
            Print(issued, "first password", result.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Token()
    {
        Argument<string> code = Code();
        Option<string> machine = Clerk(UsualMachine);
        Option<int> days = CommonOptions.AtLeastOne("--days", "How long it holds.", UsualDays);
        days.Must(number => number <= MostDays, $"at most {MostDays}");
        Option<bool> reset = new("--reset") { Description = "In place of the one that is there, which ends." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("token", "A token for a clinic's software, which it sends as Authorization: Bearer.")
        {
            code, machine, days, reset, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            IssuedCredential issued = await IssueAsync(services, new IssueCredentialRequest
            {
                FacilityCode = result.GetValue(code)!,
                Clerk = result.GetValue(machine)!,
                Machine = true,
                Days = result.GetValue(days),
                Reset = result.GetValue(reset),
            }, cancel);
            Print(issued, "token", result.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Revoke()
    {
        Argument<string> code = Code();
        Option<string?> clerk =
            new("--clerk") { HelpName = "NAME", Description = "Of one clerk or machine; without it, all of the clinic's." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("revoke", "Nobody acts under it any more, within seconds.") { code, clerk, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            RevokeCredentialRequest request = new() { FacilityCode = result.GetValue(code)!, Clerk = result.GetValue(clerk) ?? "" };
            RevokeCredentialReply reply = await AskAsync(
                services, access => access.RevokeCredentialAsync(request, cancellationToken: cancel));
            if (result.GetValue(json)) Output.WriteJson(new { request.FacilityCode, reply.Revoked });
            else Output.Line($"Revoked {reply.Revoked} of {request.FacilityCode}; the gateway lets none of them in after 3 s.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command List()
    {
        Argument<string?> code = new("code") { Description = "One clinic's; without it, all.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> json = CommonOptions.Json();
        Command command = new("list", "Who has a credential, and whether it stands.") { code, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            ListCredentialsRequest request = new() { FacilityCode = result.GetValue(code) ?? "" };
            CredentialList list = await AskAsync(services, access => access.ListCredentialsAsync(request, cancellationToken: cancel));
            if (result.GetValue(json))
            {
                Output.WriteJson(list.Credentials.Select(one => new
                {
                    one.FacilityCode,
                    one.Clerk,
                    Kind = KindOf(one),
                    State = StateOf(one),
                    one.IssuedAt,
                    one.HoldsUntil,
                    one.RevokedAt,
                    one.Sessions,
                }));
            }
            else
            {
                Output.Table(["facility", "clerk", "kind", "state", "issued", ">open"], list.Credentials.Select(one => new[]
                {
                    one.FacilityCode, one.Clerk, KindOf(one), StateOf(one), one.IssuedAt, $"{one.Sessions}",
                }));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<T> AskAsync<T>(Services services, Func<ClinicAccess.ClinicAccessClient, AsyncUnaryCall<T>> ask)
    {
        try
        {
            return await ask(new ClinicAccess.ClinicAccessClient(services.Connect(services.Layout.EligibilityAddress)));
        }
        catch (RpcException e)
        {
            throw Services.Refusal("eligibility", services.Layout.EligibilityAddress, e);
        }
    }

    private static Argument<string> Code() => new("code") { Description = "Its facility_code, which the registry knows." };

    private static Option<string> Clerk(string usual) =>
        new("--clerk") { HelpName = "NAME", Description = "As whom; up to 40 characters.", DefaultValueFactory = _ => usual };

    private static string KindOf(Credential one) => one.Machine ? "token" : "password";

    private static string StateOf(Credential one) =>
        one.RevokedAt.Length > 0 ? "revoked" : one.MustChangePassword ? "first password" : "in use";

    private static void Print(IssuedCredential issued, string what, bool json)
    {
        if (json)
        {
            Output.WriteJson(new { issued.FacilityCode, issued.FacilityName, issued.Clerk, issued.Secret, issued.HoldsUntil });
            return;
        }

        Output.Line($"{issued.FacilityName}, facility {issued.FacilityCode}, clerk {issued.Clerk}");
        Output.Line($"{what}: {issued.Secret}");
        Output.Line($"It is shown this once, and holds until {issued.HoldsUntil}.");
    }
}
