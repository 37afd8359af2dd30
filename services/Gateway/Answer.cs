using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.WebUtilities;

namespace Claims.Gateway;

/// <summary>
/// What a clinic gets: 200 with a message of the contract, or another status with <c>{"code":"UNAVAILABLE","text":"…"}</c>, a Chinese
/// sentence that a clerk can act on, and the members of RFC 9457 beside them.
/// </summary>
internal sealed record Answer(int Status, string Json)
{
    // As long as the breaker in front of Adjudication stays open.
    private const int PauseSeconds = 2;

    // Zeros are written, so that what is absent is unknown and never 0.
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    // Never embedded in HTML: Chinese stays readable.
    private static readonly JsonSerializerOptions Readable =
        new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Too many requests are in progress here; this one was not looked at.</summary>
    public static Answer TooManyInProgress { get; } = Of(StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted, Busy);

    /// <summary>The clinic is beyond its share here; this request was not looked at.</summary>
    /// <param name="text">Of what it is beyond.</param>
    public static Answer BeyondShare(string text) => Of(StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted, text);

    /// <summary>The body has not come in whole.</summary>
    public static Answer BodyLate { get; } =
        Of(StatusCodes.Status408RequestTimeout, "REQUEST_TIMEOUT", "请求正文没有在规定时间内完整到达，本次请求未办理，请检查网络后重发。");

    private const string Busy = "系统繁忙，请稍后用同一请求编号原样重发，请勿换号重发。";

    public int? RetryAfterSeconds
    {
        get => field ?? (Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable ? PauseSeconds : null);
        init;
    }

    /// <summary>Nobody's copy of an answer is kept.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        byte[] json = Encoding.UTF8.GetBytes(Json);
        HttpResponse response = context.Response;
        response.StatusCode = Status;
        response.ContentType = Status != StatusCodes.Status200OK && AsksForProblems(context.Request)
            ? "application/problem+json; charset=utf-8"
            : "application/json; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        response.ContentLength = json.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(json);
    }

    // Clients of before look for application/json.
    private static bool AsksForProblems(HttpRequest request) =>
        request.Headers.Accept.ToString().Contains("application/problem+json", StringComparison.OrdinalIgnoreCase);

    /// <summary>An answer of the page's own API.</summary>
    public static Answer Reply<TReply>(TReply reply) where TReply : class =>
        new(StatusCodes.Status200OK, JsonSerializer.Serialize(reply, Readable));

    public static Answer Of(IMessage reply) => new(StatusCodes.Status200OK, Formatter.Format(reply));

    /// <param name="text">What is wrong with the request, and where.</param>
    public static Answer Malformed(string text) => Of(StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, text);

    public static Answer TooLarge(int bytes) => Of(
        StatusCodes.Status413PayloadTooLarge, "REQUEST_TOO_LARGE",
        string.Create(CultureInfo.InvariantCulture, $"请求正文超过 {bytes} 字节，本次请求未办理，请核对费用明细条数。"));

    public static Answer BooksTooLarge(int bytes) => Of(
        StatusCodes.Status413PayloadTooLarge, "REQUEST_TOO_LARGE",
        string.Create(CultureInfo.InvariantCulture, $"对账明细超过 {bytes} 字节，未对账，请缩短对账期分次对账。"));

    /// <summary>As many files as may be are being compared; this one was not looked at.</summary>
    public static Answer TooManyFiles { get; } =
        Of(StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted, "正在对账的机构较多，未对账，请稍后重新对账。");

    /// <summary>The body is not said to be JSON in UTF-8; it was not read.</summary>
    public static Answer NotJson { get; } = Of(
        StatusCodes.Status415UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
        "请求头 Content-Type 应为 application/json（字符集 utf-8），本次请求未办理。");

    /// <summary>The name that the gateway was called by is not one of its own.</summary>
    public static Answer OtherHost(string host) => Of(
        StatusCodes.Status421MisdirectedRequest, "MISDIRECTED_REQUEST", $"“{host}”不是本网关的地址，本次请求未办理，请核对请求地址。");

    /// <summary>A page of another site has sent the request.</summary>
    public static Answer OtherSite(string origin) => Of(
        StatusCodes.Status403Forbidden, StatusCode.PermissionDenied,
        $"不接受来自网页 {origin} 的请求，本次请求未办理，请联系医保经办机构。");

    /// <summary>Nothing was served: no such path, or another method than it takes.</summary>
    public static Answer NotServed(int status) => status == StatusCodes.Status405MethodNotAllowed
        ? Of(status, "METHOD_NOT_ALLOWED", "本接口不接受这种请求方法，请核对后重新发送。")
        : Of(status, status == StatusCodes.Status404NotFound ? "NOT_FOUND" : "BAD_REQUEST", "没有这个接口，请核对请求地址。");

    /// <summary>This service itself has failed.</summary>
    public static Answer Failed(bool takesEffect) =>
        Of(StatusCodes.Status500InternalServerError, StatusCode.Internal, Unknown("系统出现异常", takesEffect));

    /// <param name="takesEffect">Whether the call may have taken effect, so that it must be sent again under its own id.</param>
    /// <param name="tell">Puts the names of fields as the clinic wrote them.</param>
    /// <remarks>A repeat may have met another fate than the call before it: no text says that nothing has happened.</remarks>
    public static Answer Of(RpcException failure, bool takesEffect, Func<string, string>? tell = null) => failure.StatusCode switch
    {
        StatusCode.InvalidArgument => Malformed(ReasonOf(failure) is { } reason ? tell?.Invoke(reason) ?? reason : failure.Status.Detail),
        StatusCode.NotFound when ReasonOf(failure) is { } reason => Of(StatusCodes.Status404NotFound, failure.StatusCode, reason),
        StatusCode.Unauthenticated => Of(StatusCodes.Status401Unauthorized, failure.StatusCode, "身份未通过验证，请联系医保经办机构核对接入证书。"),
        StatusCode.PermissionDenied => Of(StatusCodes.Status403Forbidden, failure.StatusCode, "无权办理此项业务，请联系医保经办机构。"),
        StatusCode.ResourceExhausted => Of(StatusCodes.Status429TooManyRequests, failure.StatusCode, Busy),
        StatusCode.Unavailable => Of(StatusCodes.Status503ServiceUnavailable, failure.StatusCode, Unknown("系统暂时无法答复", takesEffect)),
        StatusCode.DeadlineExceeded => Of(StatusCodes.Status504GatewayTimeout, failure.StatusCode, Unknown("系统未能在规定时间内答复", takesEffect)),
        _ => Of(StatusCodes.Status502BadGateway, failure.StatusCode, Unknown("系统出现异常", takesEffect)),
    };

    // The ledger speaks English to operators, and Chinese to clerks in the trailer that its contract names.
    private static string? ReasonOf(RpcException failure) =>
        failure.Trailers.GetValueBytes("reason-text-bin") is { } text ? Encoding.UTF8.GetString(text) : null;

    private static string Unknown(string why, bool takesEffect) => takesEffect
        ? $"{why}，办理结果未知：请稍后用同一请求编号原样重发，或发起冲正，请勿换号重发。"
        : $"{why}，请稍后重试。";

    private static Answer Of(int status, StatusCode code, string text) =>
        Of(status, JsonNamingPolicy.SnakeCaseUpper.ConvertName(code.ToString()), text);

    /// <param name="text">A Chinese sentence that a clerk can act on.</param>
    public static Answer Of(int status, string code, string text) => new(status, JsonSerializer.Serialize(
        new { code, text, type = "about:blank", title = ReasonPhrases.GetReasonPhrase(status), status, detail = text }, Readable));
}
