using System.Net;
using Grpc.Core;

namespace Grpc.Client;

/// <summary>What a failure below gRPC means as a status.</summary>
internal static class Failures
{
    private const long Http2Cancel = 8;

    /// <summary>By http-grpc-status-mapping.md, for responses that carry no grpc-status.</summary>
    public static StatusCode StatusOf(HttpStatusCode http) => http switch
    {
        HttpStatusCode.BadRequest => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    /// <summary>By PROTOCOL-HTTP2.md for a stream that was reset; a connection that failed or could not be made is UNAVAILABLE.</summary>
    public static Status StatusOf(Exception failure, bool deadlinePassed)
    {
        StatusCode code = StatusCode.Unavailable;
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpProtocolException { ErrorCode: var error })
            {
                code = error switch
                {
                    Http2Cancel when deadlinePassed => StatusCode.DeadlineExceeded,
                    Http2Cancel => StatusCode.Cancelled,
                    7 => StatusCode.Unavailable,       // REFUSED_STREAM
                    11 => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
                    12 => StatusCode.PermissionDenied,  // INADEQUATE_SECURITY
                    _ => StatusCode.Internal,
                };
                break;
            }
        }
        return new Status(code, $"The call failed below gRPC. {Describe(failure)}", failure);
    }

    private static string Describe(Exception failure) => failure.InnerException is { } inner && inner.Message != failure.Message
        ? $"{failure.GetType().Name}: {failure.Message} {inner.GetType().Name}: {inner.Message}"
        : $"{failure.GetType().Name}: {failure.Message}";
}
