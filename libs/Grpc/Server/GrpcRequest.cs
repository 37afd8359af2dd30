using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.Server;

/// <summary>What makes an HTTP request a gRPC request.</summary>
internal static class GrpcRequest
{
    public const string ContentType = "application/grpc";

    /// <summary>False, with the HTTP status set, for what is no gRPC: 426 below HTTP/2, 415 for another content type.</summary>
    public static bool IsAcceptable(HttpContext http)
    {
        HttpResponse response = http.Response;
        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
        {
            response.StatusCode = StatusCodes.Status426UpgradeRequired;
            response.Headers.Upgrade = "h2";
            response.Headers.Connection = "Upgrade";
            return false;
        }
        if (!IsGrpc(http.Request.ContentType))
        {
            response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return false;
        }
        return true;
    }

    /// <summary>Protobuf is the one message format served, so <c>application/grpc</c> and <c>application/grpc+proto</c>.</summary>
    public static bool IsGrpc(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
            return false;
        ReadOnlySpan<char> rest = contentType.AsSpan(ContentType.Length);
        if (rest.StartsWith("+proto", StringComparison.OrdinalIgnoreCase))
            rest = rest["+proto".Length..];
        rest = rest.TrimStart();
        return rest.IsEmpty || rest[0] == ';';
    }

    /// <summary>A stream of requests may last for days and may pause: Kestrel's limits on a body's size and pace are for uploads.</summary>
    public static void LiftBodyLimits(HttpContext http)
    {
        if (http.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
    }
}
