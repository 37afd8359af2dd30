using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Claims.Gateway.Clinic;

/// <summary>What a request has shown: a session's cookie, or a machine's token.</summary>
internal sealed record ShownToken(string Token, ClinicSession Session)
{
    /// <summary>What a page must send along with the cookie, which a page of another site cannot know. It follows from the session's
    /// token, so no instance of the gateway keeps it.</summary>
    public string CsrfToken => Convert.ToBase64String(
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(Token), "claims clinic csrf"u8)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

/// <summary>
/// Finds out who has logged in, before the table of permissions is asked. A session comes as a cookie, and what changes something then
/// brings the session's CSRF token; a machine's token comes in the header Authorization. What shows neither is who its connection says.
/// </summary>
internal sealed class SessionGate(ClinicSessions sessions, bool withTls)
{
    public const string CookieName = "claims_clinic";
    public const string CsrfHeader = "X-CSRF-Token";
    public const string LogIn = "/clinic/login";

    private const string Bearer = "Bearer ";
    private const int MostTokenCharacters = 200;

    private static readonly string[] WithFirstPassword = ["/clinic/password", "/clinic/logout", "/clinic/session"];

    /// <returns>Why the request is not served; null where the table decides.</returns>
    public async Task<Answer?> RefusedAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint { RoutePattern.RawText: { } route } || route == LogIn) return null;
        if (Shown(context.Request) is not ({ } token, var isCookie))
        {
            // A page whose cookie is gone is not a program of this machine's.
            return context.Request.Headers.ContainsKey(CsrfHeader) ? LoggedOut : null;
        }

        ClinicSession? session;
        try
        {
            session = token.Length <= MostTokenCharacters ? await sessions.FindAsync(token) : null;
        }
        catch (RpcException away)
        {
            return Answer.Of(away, takesEffect: false);
        }

        if (session is null || session.Machine == isCookie) return isCookie ? LoggedOut : BadToken;
        ShownToken shown = new(token, session);
        if (isCookie && !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method)
            && !Same(context.Request.Headers[CsrfHeader].ToString(), shown.CsrfToken)) return Forged;
        if (session.MustChangePassword && !WithFirstPassword.Contains(route, StringComparer.Ordinal)) return FirstPassword;
        if (!Identity.TryParse($"{Identity.Scheme}clinic/{session.FacilityCode}", out Identity? identity)) return NoIdentity;
        context.Features.Set(new LoggedIn(identity));
        context.Features.Set(shown);
        return null;
    }

    /// <returns>The cookie of the request; empty where it has none.</returns>
    public static string CookieOf(HttpRequest request) =>
        request.Cookies[CookieName] is { Length: <= MostTokenCharacters } token ? token : "";

    /// <summary>It ends with the browser, and with the session.</summary>
    public void SetCookie(HttpContext context, string token) => context.Response.Cookies.Append(CookieName, token, Cookie());

    public void DeleteCookie(HttpContext context) => context.Response.Cookies.Delete(CookieName, Cookie());

    private CookieOptions Cookie() =>
        new() { HttpOnly = true, Secure = withTls, SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Strict, Path = "/" };

    private static (string? Token, bool IsCookie) Shown(HttpRequest request)
    {
        string authorization = request.Headers[HeaderNames.Authorization].ToString();
        if (authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return (authorization[Bearer.Length..].Trim(), false);
        return request.Cookies[CookieName] is { Length: > 0 } token ? (token, true) : (null, false);
    }

    private static bool Same(string one, string other)
    {
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));
    }

    public static Answer LoggedOut { get; } = Answer.Of(StatusCodes.Status401Unauthorized, "LOGGED_OUT",
        "登录已失效，请重新登录；本机已保存的费用不会丢失。");

    private static Answer BadToken { get; } = Answer.Of(StatusCodes.Status401Unauthorized, "TOKEN_INVALID",
        "令牌无效、已到期或已吊销，请联系医保经办机构重新签发。");

    private static Answer Forged { get; } = Answer.Of(StatusCodes.Status403Forbidden, "CSRF_TOKEN_INVALID",
        string.Create(CultureInfo.InvariantCulture, $"请求缺少有效的 {CsrfHeader}，本次请求未办理，请刷新页面后重试。"));

    private static Answer FirstPassword { get; } = Answer.Of(StatusCodes.Status403Forbidden, "PASSWORD_CHANGE_REQUIRED",
        "首次登录请先修改密码，本次请求未办理。");

    private static Answer NoIdentity { get; } = Answer.Of(StatusCodes.Status403Forbidden, "PERMISSION_DENIED",
        "本机构的编号不能用于网页登录，请联系医保经办机构。");
}
