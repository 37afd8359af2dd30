using System.Globalization;
using Claims.Eligibility.Clinics;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Npgsql;

namespace Claims.Eligibility.Api;

/// <summary>Logging in, and the credentials for it. UNAVAILABLE whenever PostgreSQL cannot be asked, RESOURCE_EXHAUSTED while too many
/// passwords are looked at.</summary>
internal sealed class ClinicAccessApi(ClinicCredentials credentials, EligibilityMetrics metrics, ILogger<ClinicAccessApi> logger)
    : ClinicAccess.ClinicAccessBase
{
    private const int MostCodeCharacters = 64;
    private const int MostClerkCharacters = 40;
    private const int MostTokenCharacters = 200;
    private const int MostTokenDays = 3_650;

    public override Task<LogInReply> LogIn(LogInRequest request, ServerCallContext context) => AnswerAsync(async cancel =>
    {
        if (!IsName(request.FacilityCode, MostCodeCharacters) || !IsName(request.Clerk, MostClerkCharacters)
            || request.Password.Length is 0 or > Passwords.MostCharacters)
            return new LogInReply { Outcome = LogInOutcome.WrongCredentials };
        (string? token, TimeSpan? locked) = await credentials.LogInAsync(
            request.FacilityCode, request.Clerk, request.Password, request.Replaces, cancel);
        LogInOutcome outcome = locked is not null ? LogInOutcome.LockedOut
            : token is null ? LogInOutcome.WrongCredentials
            : LogInOutcome.LoggedIn;
        metrics.CountLogIn(outcome);
        if (outcome != LogInOutcome.LoggedIn)
            logger.LogWarning(new EventId(10, "clinic_login_refused"), "A login for facility {FacilityCode} was refused: {Outcome}.",
                request.FacilityCode, outcome);
        return new LogInReply
        {
            Outcome = outcome,
            RetryAfterSeconds = Seconds(locked),
            Token = token ?? "",
            Session = token is null ? null : Message(await credentials.CheckAsync(token, cancel)),
        };
    }, context);

    public override Task<CheckTokenReply> CheckToken(CheckTokenRequest request, ServerCallContext context) => AnswerAsync(
        async cancel => new CheckTokenReply { Session = Message(await FindAsync(request.Token, cancel)) }, context);

    public override Task<ChangePasswordReply> ChangePassword(ChangePasswordRequest request, ServerCallContext context) => AnswerAsync(
        async cancel =>
        {
            if (await FindAsync(request.Token, cancel) is not { IsMachine: false } session)
                return new ChangePasswordReply { Outcome = ChangePasswordOutcome.NoSession, Text = "登录已失效，请重新登录。" };
            if (Passwords.Weakness(request.NewPassword, session.FacilityCode, session.Clerk, request.OldPassword) is { } weakness)
                return new ChangePasswordReply { Outcome = ChangePasswordOutcome.NewPasswordWeak, Text = weakness };
            if (request.OldPassword.Length is 0 or > Passwords.MostCharacters) return Wrong();
            (bool changed, TimeSpan? locked) = await credentials.ChangePasswordAsync(
                session, request.Token, request.OldPassword, request.NewPassword, cancel);
            if (locked is not null)
                return new ChangePasswordReply { Outcome = ChangePasswordOutcome.TriesLockedOut, RetryAfterSeconds = Seconds(locked) };
            if (!changed) return Wrong();
            logger.LogInformation(new EventId(11, "clinic_password_changed"), "A password of facility {FacilityCode} was changed.",
                session.FacilityCode);
            return new ChangePasswordReply
            {
                Outcome = ChangePasswordOutcome.Changed,
                Session = Message(await credentials.CheckAsync(request.Token, cancel)),
            };
        }, context);

    public override Task<LogOutReply> LogOut(LogOutRequest request, ServerCallContext context) => AnswerAsync(async cancel =>
    {
        if (IsToken(request.Token)) await credentials.LogOutAsync(request.Token, cancel);
        return new LogOutReply();
    }, context);

    public override Task<IssuedCredential> IssueCredential(IssueCredentialRequest request, ServerCallContext context) => AnswerAsync(
        async cancel =>
        {
            RequireName(request.FacilityCode, MostCodeCharacters, "facility_code");
            RequireName(request.Clerk, MostClerkCharacters, "clerk");
            if (request.Machine && request.Days is < 1 or > MostTokenDays)
                throw new RpcException(new Status(StatusCode.InvalidArgument, $"days must be 1 to {MostTokenDays}"));
            (string secret, string name, DateTimeOffset until) = await credentials.IssueAsync(
                request.FacilityCode, request.Clerk, request.Reset, request.Machine ? TimeSpan.FromDays(request.Days) : null, cancel);
            logger.LogInformation(new EventId(12, "clinic_credential_issued"),
                "A credential of facility {FacilityCode} was issued; machine: {Machine}, reset: {Reset}.", request.FacilityCode,
                request.Machine, request.Reset);
            return new IssuedCredential
            {
                FacilityCode = request.FacilityCode,
                FacilityName = name,
                Clerk = request.Clerk,
                Secret = secret,
                HoldsUntil = Text(until),
            };
        }, context);

    public override Task<RevokeCredentialReply> RevokeCredential(RevokeCredentialRequest request, ServerCallContext context) => AnswerAsync(
        async cancel =>
        {
            RequireName(request.FacilityCode, MostCodeCharacters, "facility_code");
            int revoked = await credentials.RevokeAsync(request.FacilityCode, request.Clerk, cancel);
            if (revoked == 0)
                throw new CredentialException($"{request.FacilityCode} has no standing credential"
                    + (request.Clerk.Length > 0 ? $" under '{request.Clerk}'" : ""));
            logger.LogInformation(new EventId(13, "clinic_credential_revoked"),
                "{Count} credentials of facility {FacilityCode} were revoked.", revoked, request.FacilityCode);
            return new RevokeCredentialReply { Revoked = revoked };
        }, context);

    public override Task<CredentialList> ListCredentials(ListCredentialsRequest request, ServerCallContext context) => AnswerAsync(
        async cancel =>
        {
            CredentialList list = new();
            list.Credentials.AddRange((await credentials.ListAsync(request.FacilityCode, cancel)).Select(kept => new Credential
            {
                FacilityCode = kept.FacilityCode,
                Clerk = kept.Clerk,
                Machine = kept.IsMachine,
                IssuedAt = Text(kept.IssuedAt),
                RevokedAt = kept.RevokedAt is { } revoked ? Text(revoked) : "",
                MustChangePassword = kept.IsFirst,
                Sessions = kept.Sessions,
                HoldsUntil = kept.HoldsUntil is { } until ? Text(until) : "",
            }));
            return list;
        }, context);

    private async Task<OpenSession?> FindAsync(string token, CancellationToken cancellationToken) =>
        IsToken(token) ? await credentials.CheckAsync(token, cancellationToken) : null;

    private static ChangePasswordReply Wrong() =>
        new() { Outcome = ChangePasswordOutcome.OldPasswordWrong, Text = "原密码不正确，密码未修改，请核对后重试。" };

    private static ClinicSession? Message(OpenSession? session) => session is null ? null : new ClinicSession
    {
        FacilityCode = session.FacilityCode,
        FacilityName = session.FacilityName,
        Clerk = session.Clerk,
        ExpiresAt = Text(session.ExpiresAt),
        MustChangePassword = session.MustChangePassword,
        Machine = session.IsMachine,
        StorageKey = ByteString.CopyFrom(session.StorageKey),
    };

    private static string Text(DateTimeOffset time) =>
        ChinaTime.Of(time).ToString("yyyy-MM-ddTHH:mm:sszzz", CultureInfo.InvariantCulture);

    private static int Seconds(TimeSpan? time) => time is { } left ? (int)Math.Ceiling(Math.Max(1, left.TotalSeconds)) : 0;

    private static bool IsToken(string token) => token.Length is > 0 and <= MostTokenCharacters;

    private static bool IsName(string text, int most) => text.Length > 0 && text.Length <= most && Policy.PlainText.Is(text);

    private static void RequireName(string text, int most, string field)
    {
        if (!IsName(text, most) || text.Trim() != text)
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"{field} must have 1 to {most} characters, none of them a sign"
                + " that cannot be seen, and no blank at an end"));
    }

    private async Task<T> AnswerAsync<T>(Func<CancellationToken, Task<T>> answer, ServerCallContext context)
    {
        try
        {
            return await answer(context.CancellationToken);
        }
        catch (CredentialException refused)
        {
            throw new RpcException(new Status(
                refused.Exists ? StatusCode.AlreadyExists : StatusCode.FailedPrecondition, refused.Message));
        }
        catch (TimeoutException busy)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, busy.Message));
        }
        catch (NpgsqlException failed)
        {
            logger.LogError(new EventId(1, "registry_unavailable"), failed, "The registry's database did not answer.");
            throw new RpcException(new Status(StatusCode.Unavailable, "The registry's database does not answer."));
        }
    }
}
