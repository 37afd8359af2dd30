using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Claims.Hosting;

/// <summary>
/// Says INVALID_ARGUMENT of a call's one request that cannot be read. Grpc.AspNetCore reads it before any interceptor runs, and answers
/// UNKNOWN; what fails behind that is answered by <see cref="CallGuard"/> and never so.
/// </summary>
internal sealed class UnreadableRequests : IStartupFilter
{
    public const string Sentence = "A message is not one of the contract's: it cannot be read.";
    private const string StatusTrailer = "grpc-status";
    private const string MessageTrailer = "grpc-message";
    private static readonly string Unknown = ((int)StatusCode.Unknown).ToString(System.Globalization.CultureInfo.InvariantCulture);
    private static readonly string Invalid = ((int)StatusCode.InvalidArgument).ToString(System.Globalization.CultureInfo.InvariantCulture);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(rest => context => context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true
            ? ServeAsync(context, rest)
            : rest(context));
        next(app);
    };

    private static async Task ServeAsync(HttpContext context, RequestDelegate rest)
    {
        await rest(context);
        if (context.Response.HasStarted) return;

        // An answer without a message has its status among the headers; the trailers are where it was put before.
        foreach (IHeaderDictionary? told in (IHeaderDictionary?[])
            [context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers, context.Response.Headers])
        {
            if (told is null || !told.TryGetValue(StatusTrailer, out StringValues status) || status != Unknown) continue;
            told[StatusTrailer] = Invalid;
            told[MessageTrailer] = Sentence;
        }
    }
}
