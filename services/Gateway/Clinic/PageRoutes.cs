using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Gateway.Clinic;

/// <summary>A part of the page's API.</summary>
internal interface IPageRoutes
{
    void Map(PageRoutes routes);
}

/// <summary>Serves the page's own calls: <c>GET</c> and <c>POST /clinic/…</c>, JSON in and out, under the same bounds as
/// <c>/v1</c>.</summary>
internal sealed class PageRoutes(
    WebApplication app, RequestBodies bodies, CallsInProgress calls, TimeProvider time, ILogger<PageRoutes> logger)
{
    /// <summary>Bodies of the page's calls are read so: what is not known, missing or null is refused.</summary>
    internal static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.Strict,
        MaxDepth = 8,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    public void Get(string route, Func<HttpContext, Task<Answer>> ask) => app.MapGet(route, context => ServeAsync(context, route, ask));

    /// <param name="ofBooks">It may be as long as a reconciliation's.</param>
    public void Post<TRequest>(string route, Func<HttpContext, TRequest, Task<Answer>> ask, bool ofBooks = false) where TRequest : class =>
        app.MapPost(route, context => ServeAsync(context, route, async _ =>
        {
            if (!OtherSites.SaysJson(context.Request)) return Answer.NotJson;
            (byte[]? body, Answer? unread) = await bodies.ReadAsync(context, ofBooks);
            if (body is null) return unread!;
            try
            {
                return JsonSerializer.Deserialize<TRequest>(body, Strict) is { } request
                    ? await ask(context, request)
                    : Answer.Malformed("请求正文应为一个 JSON 对象。");
            }
            catch (JsonException e)
            {
                return Answer.Malformed($"请求正文不符合接口约定：{(e.Path is { Length: > 1 } path ? $"字段 {path} 有误" : "缺少字段，或有不认识的字段")}。");
            }
        }));

    private async Task ServeAsync(HttpContext context, string route, Func<HttpContext, Task<Answer>> ask)
    {
        long started = time.GetTimestamp();
        bool begun = calls.TryBegin();
        try
        {
            Answer answer = begun ? await AnswerAsync(context, route, ask) : Answer.TooManyInProgress;
            await answer.WriteAsync(context);
            GatewayMetrics.Answered(route, answer.Status, time.GetElapsedTime(started));
        }
        finally
        {
            if (begun) calls.End();
        }
    }

    private async Task<Answer> AnswerAsync(HttpContext context, string route, Func<HttpContext, Task<Answer>> ask)
    {
        try
        {
            return await ask(context);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.InvalidArgument && e.Trailers.Get("reason-text-bin") is null)
        {
            // The registry speaks English, to whoever writes a client.
            return Answer.Malformed("查询内容有误，请核对后重新输入。");
        }
        catch (RpcException e)
        {
            Answer answer = Answer.Of(e, takesEffect: false);
            if (answer.Status >= StatusCodes.Status500InternalServerError)
                logger.LogWarning(new EventId(1, "not_answered"), "{Operation} was answered {Status}: {Reason}", route, answer.Status,
                    e.Status.Detail);
            return answer;
        }
        catch (Exception e) when (e is not JsonException)
        {
            CallsInProgress.CountFailure();
            logger.LogError(new EventId(2, "call_failed"), e, "{Operation} failed.", route);
            return Answer.Failed(takesEffect: false);
        }
    }
}

/// <summary>What handlers of the page's calls share.</summary>
internal static class PageRequests
{
    /// <summary>In whose name another service is asked.</summary>
    public static Metadata OnBehalf(this HttpContext context) => ClinicApi.OnBehalfOf(context.CallerOf());

    /// <summary>The clinic's own facility code.</summary>
    public static string FacilityCode(this HttpContext context) => context.CallerOf().Name;

    public static string Query(this HttpContext context, string name) => context.Request.Query[name].ToString().Trim();

    /// <returns>Null where it is no day; today where it is not there.</returns>
    public static DateOnly? DayOf(string text, TimeProvider time) =>
        text.Length == 0 ? ChinaTime.Today(time)
        : DateOnly.TryParseExact(text, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture,
            System.Globalization.DateTimeStyles.None, out DateOnly day) && day.Year is >= 2000 and <= 2999 ? day
        : null;

    public static Answer NoDay(string field) => Answer.Malformed($"日期（{field}）应为 yyyy-MM-dd 形式。");
}
