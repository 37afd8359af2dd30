using Claims.V1;
using AccessClient = Claims.V1.ClinicAccess.ClinicAccessClient;

namespace Claims.Gateway.Clinic;

internal sealed record LoginRequest(string FacilityCode, string Clerk, string Password);

internal sealed record PasswordRequest(string OldPassword, string NewPassword);

internal sealed record Nothing;

/// <param name="StorageKey">Base64 of 32 bytes of the clinic's: what its browsers keep of persons is encrypted with it.</param>
/// <param name="ExpiresAt">RFC 3339.</param>
internal sealed record SessionReply(string FacilityCode, string FacilityName, string Clerk, string CsrfToken, string ExpiresAt,
    bool MustChangePassword, string StorageKey);

/// <summary>Logging in and out.</summary>
internal sealed class LoginRoutes(AccessClient access, ClinicSessions sessions, SessionGate gate, LoginTries tries) : IPageRoutes
{
    public void Map(PageRoutes routes)
    {
        routes.Post<LoginRequest>(SessionGate.LogIn, LogInAsync);
        routes.Post<Nothing>("/clinic/logout", LogOutAsync);
        routes.Post<PasswordRequest>("/clinic/password", ChangePasswordAsync);
        routes.Get("/clinic/session", context => Task.FromResult(
            context.Features.Get<ShownToken>() is { Session.Machine: false } shown ? Of(shown) : SessionGate.LoggedOut));
    }

    private async Task<Answer> LogInAsync(HttpContext context, LoginRequest request)
    {
        if (tries.Wait(context.Connection.RemoteIpAddress) is { } wait) return Locked(wait, "登录尝试过于频繁");
        string before = SessionGate.CookieOf(context.Request);
        LogInReply reply = await access.LogInAsync(new V1.LogInRequest
        {
            FacilityCode = request.FacilityCode.Trim(),
            Clerk = request.Clerk.Trim(),
            Password = request.Password,
            Replaces = before,
        });
        switch (reply.Outcome)
        {
            case LogInOutcome.LoggedIn:
                if (before.Length > 0) sessions.Forget(before);
                gate.SetCookie(context, reply.Token);
                return Of(new ShownToken(reply.Token, reply.Session));
            case LogInOutcome.LockedOut:
                return Locked(reply.RetryAfterSeconds, "密码错误次数过多，该账号已暂时锁定");
            default:
                return Answer.Of(StatusCodes.Status401Unauthorized, "WRONG_CREDENTIALS", "机构编号、操作员或密码不正确，请核对后重试。");
        }
    }

    private async Task<Answer> LogOutAsync(HttpContext context, Nothing request)
    {
        if (context.Features.Get<ShownToken>() is not { Session.Machine: false } shown) return SessionGate.LoggedOut;
        await access.LogOutAsync(new V1.LogOutRequest { Token = shown.Token });
        sessions.Forget(shown.Token);
        gate.DeleteCookie(context);
        return Answer.Reply(new Nothing());
    }

    private async Task<Answer> ChangePasswordAsync(HttpContext context, PasswordRequest request)
    {
        if (context.Features.Get<ShownToken>() is not { Session.Machine: false } shown) return SessionGate.LoggedOut;
        ChangePasswordReply reply = await access.ChangePasswordAsync(new ChangePasswordRequest
        {
            Token = shown.Token,
            OldPassword = request.OldPassword,
            NewPassword = request.NewPassword,
        });
        sessions.Forget(shown.Token);
        return reply.Outcome switch
        {
            ChangePasswordOutcome.Changed => Of(shown with { Session = reply.Session }),
            ChangePasswordOutcome.NoSession => SessionGate.LoggedOut,
            ChangePasswordOutcome.TriesLockedOut => Locked(reply.RetryAfterSeconds, "密码错误次数过多，该账号已暂时锁定"),
            ChangePasswordOutcome.OldPasswordWrong =>
                Answer.Of(StatusCodes.Status400BadRequest, "OLD_PASSWORD_WRONG", reply.Text),
            _ => Answer.Of(StatusCodes.Status400BadRequest, "PASSWORD_WEAK", reply.Text),
        };
    }

    private static Answer Of(ShownToken shown) => Answer.Reply(new SessionReply(
        shown.Session.FacilityCode, shown.Session.FacilityName, shown.Session.Clerk, shown.CsrfToken, shown.Session.ExpiresAt,
        shown.Session.MustChangePassword, shown.Session.StorageKey.ToBase64()));

    private static Answer Locked(int seconds, string why) => Answer.Of(
        StatusCodes.Status429TooManyRequests, "LOCKED_OUT", $"{why}，请约 {(seconds + 59) / 60} 分钟后再试，或联系医保经办机构重置密码。")
        with
    { RetryAfterSeconds = seconds };
}
