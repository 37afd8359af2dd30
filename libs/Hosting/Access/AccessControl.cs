using System.Diagnostics.Metrics;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Claims.Hosting;

/// <summary>Who calls, and whether the table lets them.</summary>
public sealed class AccessControl
{
    private static readonly Meter Meter = new("Claims.Hosting");
    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "claims_calls_refused_total", description: "Calls of nobody known (unauthenticated), of who may not (denied), or for another "
            + "facility than the caller's (other_facility).");

    private readonly bool _hasOperatorsPort;
    private readonly QuietLog _quiet;
    private readonly ILogger<AccessControl> _logger;

    internal AccessControl(bool hasOperatorsPort, TimeProvider time, ILogger<AccessControl> logger)
    {
        _hasOperatorsPort = hasOperatorsPort;
        _quiet = new QuietLog(time);
        _logger = logger;
    }

    /// <summary>The identity that the table is asked about: the caller, or whom the gateway calls for.</summary>
    /// <exception cref="RpcException">UNAUTHENTICATED: nothing says who calls. PERMISSION_DENIED: this caller may not call this method.
    /// UNIMPLEMENTED: the method is served on another port.</exception>
    public (Identity Caller, Permission Permission) Admit(HttpContext context, string method)
    {
        CallerConnection? connection = context.Features.Get<CallerConnection>();
        Identity caller = CallerOf(context, connection, method);
        if (Permissions.Of(method) is not { } permission || (permission.May & caller.Kind) == Callers.None)
        {
            Tell("denied", caller.ToString(), method);
            throw new RpcException(new Status(StatusCode.PermissionDenied, $"{caller} 无权办理此项业务（{method}），请联系医保经办机构。"));
        }

        // Without a connection of Kestrel's, in tests, there is one port.
        if (_hasOperatorsPort && connection is not null && !IsAnyPorts(method) && connection.ForOperators != permission.Operators)
            throw new RpcException(new Status(StatusCode.Unimplemented, $"{method} is served on another port."));
        return (caller, permission);
    }

    /// <exception cref="RpcException">PERMISSION_DENIED: the message is of another facility than the caller.</exception>
    public void RequireOwn(Identity caller, string? facilityCode, string method)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (string.Equals(caller.Name, facilityCode, StringComparison.Ordinal)) return;
        Tell("other_facility", caller.ToString(), method);
        throw new RpcException(new Status(
            StatusCode.PermissionDenied, $"{caller} 只能办理本机构的业务，请求中的 facility_code 不是 {caller.Name}，请核对机构编号或接入证书。"));
    }

    private Identity CallerOf(HttpContext context, CallerConnection? connection, string method)
    {
        if (connection is { IsTrusted: false }) throw Unknown(method, "接入证书已被吊销或不再受信任");
        if (context.Features.Get<LoggedIn>() is { } session)
        {
            return connection is { Secured: true, Identity: { } own } && own != session.Identity
                ? throw Unknown(method, "登录的机构与接入证书的机构不一致")
                : session.Identity;
        }

        Identity? caller = connection is { Secured: true } ? connection.Identity : Said(context, Identity.Header, Identity.Local);
        if (caller is null && connection is { Secured: true } && (Permissions.Of(method)?.May & Callers.Unnamed) > 0)
            return Identity.Unnamed;
        if (caller is null)
            throw Unknown(method, connection is { Secured: true } ? "接入证书没有写明机构身份" : $"请求头 {Identity.Header} 不是有效的身份");
        if (caller.Kind != Callers.Gateway) return caller;

        // Only the gateway speaks for others, and only for those that it serves.
        Identity? behalf = Said(context, Identity.OnBehalfHeader, caller);
        if (behalf is null || (behalf != caller && !MayBeSpokenFor(behalf, connection)))
            throw Unknown(method, $"请求头 {Identity.OnBehalfHeader} 不是网关可以代办的身份");
        return behalf;
    }

    private static bool MayBeSpokenFor(Identity behalf, CallerConnection? connection) =>
        behalf.IsFacility || (behalf.Kind == Callers.Local && connection is not { Secured: true });

    /// <returns>Null where the header is no identity, or stands there twice.</returns>
    private static Identity? Said(HttpContext context, string header, Identity otherwise)
    {
        StringValues said = context.Request.Headers[header];
        if (said.Count == 0) return otherwise;
        return said.Count == 1 && Identity.TryParse(said[0], out Identity? identity) ? identity : null;
    }

    internal static bool IsAnyPorts(string method) => method.StartsWith("/grpc.", StringComparison.Ordinal);

    private RpcException Unknown(string method, string why)
    {
        Tell("unauthenticated", "somebody", method);
        return new RpcException(new Status(StatusCode.Unauthenticated, $"身份未通过验证：{why}，请联系医保经办机构核对接入证书。"));
    }

    private void Tell(string reason, string caller, string method)
    {
        Refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
        if (!_quiet.MayTell()) return;
        _logger.LogWarning(new EventId(1, "call_refused"), "{Caller} is refused {Method}: {Reason}.", caller, method, reason);
    }
}

/// <summary>Who a request's session or token says it is, set by the service that has looked at it.</summary>
public sealed record LoggedIn(Identity Identity);
