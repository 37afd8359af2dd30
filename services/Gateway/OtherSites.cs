using System.Net;
using Microsoft.Net.Http.Headers;

namespace Claims.Gateway;

/// <summary>
/// Keeps pages of other sites from calling the gateway through a clinic's browser. A page cannot send JSON to another site without being
/// asked first, and nothing is allowed when asked, but to the origins of the settings; so a body must say that it is JSON. A name that was
/// made to point at this machine is refused as host.
/// </summary>
internal sealed class OtherSites(GatewaySettings settings, bool withTls)
{
    private readonly string[] _hosts = Parts(settings.Hosts);
    private readonly string[] _origins = Parts(settings.Origins);

    /// <returns>Why the call is not served; null where it is.</returns>
    /// <param name="ownAlone">Also a page of the settings' origins is another site's.</param>
    public Answer? Refused(HttpRequest request, bool ownAlone = false)
    {
        if (!IsHost(request.Host)) return Answer.OtherHost(request.Host.Value ?? "");
        string? origin = request.Headers.Origin;
        if (origin is null || origin == $"{request.Scheme}://{request.Host}") return null;
        return !ownAlone && IsAllowed(origin) ? null : Answer.OtherSite(origin);
    }

    /// <summary>Whether the body is said to be JSON in UTF-8.</summary>
    public static bool SaysJson(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    /// <summary>Tells a browser that a page of the settings' origins may read the answer, and answers it where it asks first.</summary>
    /// <returns>True where that was the question.</returns>
    public bool Tell(HttpContext context)
    {
        context.Response.Headers.Vary = HeaderNames.Origin;
        string? origin = context.Request.Headers.Origin;
        if (origin is null || !IsAllowed(origin)) return false;
        context.Response.Headers.AccessControlAllowOrigin = origin;
        if (!HttpMethods.IsOptions(context.Request.Method)) return false;
        context.Response.Headers.AccessControlAllowMethods = HttpMethods.Post;
        context.Response.Headers.AccessControlAllowHeaders = HeaderNames.ContentType;
        context.Response.Headers.AccessControlMaxAge = "600";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return true;
    }

    private bool IsAllowed(string origin) => _origins.Contains(origin, StringComparer.OrdinalIgnoreCase);

    // Without TLS the gateway serves loopback alone. With it whoever connects has a certificate, and names are the deployment's.
    private bool IsHost(HostString host) => _hosts.Length > 0
        ? _hosts.Contains(host.Host, StringComparer.OrdinalIgnoreCase)
        : withTls || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Host, out IPAddress? address) && IPAddress.IsLoopback(address));

    private static string[] Parts(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
