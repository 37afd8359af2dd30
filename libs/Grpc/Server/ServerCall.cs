using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.Server;

/// <summary>
/// One call on one HTTP/2 stream. Its end is claimed once: by the handler's return, or by the deadline, which answers even while
/// the handler still runs.
/// </summary>
internal sealed class ServerCall : ServerCallContext
{
    private const int Http2Cancel = 8;

    /// <summary>How long a status may wait behind bytes that are on their way when the deadline passes.</summary>
    private static readonly TimeSpan DeadlineGrace = TimeSpan.FromSeconds(1);

    private enum End
    {
        Open,
        ByHandler,
        ByDeadline,
    }

    private readonly HttpContext _http;
    private readonly GrpcServiceOptions _options;
    private readonly string _fullMethod;
    private readonly Lock _gate = new();
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private Dictionary<object, object>? _userState;
    private CancellationTokenSource? _cancellation;
    private CancellationToken? _cancellationToken;
    private ITimer? _deadlineTimer;
    private DateTime _deadline = DateTime.MaxValue;
    private TaskCompletionSource? _deadlineAnswered;
    private StreamedMessages? _responses;
    private bool _replied;
    private End _end;
    private int _sends;
    private TaskCompletionSource? _sent;

    public ServerCall(HttpContext http, GrpcServiceOptions options, string fullMethod, MessageEncoding encoding)
    {
        _http = http;
        _options = options;
        _fullMethod = fullMethod;
        Requests = new FrameReader(http.Request.BodyReader, options.MaxReceiveMessageSize, encoding);
    }

    /// <summary>The call behind a context, which an interceptor may have wrapped in one of its own over the same user state.</summary>
    public static ServerCall? Of(ServerCallContext context) =>
        context as ServerCall ?? (context.UserState.TryGetValue(typeof(ServerCall), out object? call) ? (ServerCall)call : null);

    public HttpContext Http => _http;
    public FrameReader Requests { get; }
    public bool DeadlinePassed => _end == End.ByDeadline;

    /// <summary>Part of the reply is in the response and cannot be taken back.</summary>
    public bool HasPartialReply { get; private set; }

    /// <summary>The response stream, made on first use.</summary>
    public StreamedMessages Responses => _responses ??= new StreamedMessages(_options.MaxSendMessageSize, SendAsync);

    protected override string MethodCore => _fullMethod;
    protected override string HostCore => _http.Request.Host.Value ?? "";
    protected override DateTime DeadlineCore => _deadline;
    protected override CancellationToken CancellationTokenCore => _cancellationToken ?? _http.RequestAborted;
    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];
    protected override Status StatusCore { get; set; }
    protected override WriteOptions? WriteOptionsCore { get; set; }
    protected override IDictionary<object, object> UserStateCore => _userState ??= new() { [typeof(ServerCall)] = this };

    protected override string PeerCore => _http.Connection.RemoteIpAddress is { } address
        ? string.Create(CultureInfo.InvariantCulture, $"{(address.AddressFamily == AddressFamily.InterNetwork ? "ipv4" : "ipv6")}:{new IPEndPoint(address, _http.Connection.RemotePort)}")
        : "unknown";

    protected override Metadata RequestHeadersCore
    {
        get
        {
            if (_requestHeaders is not null)
                return _requestHeaders;
            Metadata headers = [];
            foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in _http.Request.Headers)
            {
                if (MetadataHeaders.IsReserved(name))
                    continue;
                foreach (string? value in values)
                    if (value is not null && !MetadataHeaders.TryAdd(headers, name, value))
                        throw new RpcException(new Core.Status(Core.StatusCode.Internal, $"The value of the header {name} is no base64."));
            }
            return _requestHeaders = headers.Freeze();
        }
    }

    /// <summary>From now on the call ends at <paramref name="timeout"/> from now at the latest.</summary>
    public void StartDeadline(TimeSpan timeout, TimeProvider time)
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        _deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(_http.RequestAborted);
        _cancellationToken = _cancellation.Token;
        // Timers reach 49 days; a call that may last longer is not timed.
        if (timeout < TimeSpan.FromDays(49))
            _deadlineTimer = time.CreateTimer(static call => ((ServerCall)call!).OnDeadline(), this, timeout, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Writes the only message without a flush: what ends the call sends it together with the trailers.</summary>
    public void WriteReply<T>(T? message, Marshaller<T> marshaller) where T : class
    {
        if (message is null)
            throw new RpcException(new Status(Core.StatusCode.Cancelled, "No message returned from method."));
        if (!TryClaimEnd())
            throw new OperationCanceledException("The call's deadline has passed.", CancellationTokenCore);
        FrameSerializer serializer = new(_options.MaxSendMessageSize);
        try
        {
            serializer.Write(_http.Response.BodyWriter, message, marshaller.ContextualSerializer);
            _replied = true;
        }
        finally
        {
            HasPartialReply = !_replied && serializer.WroteHeader;
        }
    }

    /// <summary>Completes when every streamed response has been sent.</summary>
    public Task DrainResponsesAsync() => _responses?.CompleteAsync() ?? Task.CompletedTask;

    /// <summary>False when the deadline ends the call; otherwise it will not, from now on.</summary>
    public bool TryClaimEnd()
    {
        lock (_gate)
        {
            if (_end == End.Open)
                _end = End.ByHandler;
            return _end == End.ByHandler;
        }
    }

    /// <summary>Sets the status where it still can travel: an error before anything was sent in the headers, all else in the trailers.</summary>
    public void WriteStatus(Status status)
    {
        HttpResponse response = _http.Response;
        IHeaderDictionary destination = status.StatusCode != Core.StatusCode.OK && !_replied && !response.HasStarted
            ? response.Headers
            : _http.Features.Get<IHttpResponseTrailersFeature>()!.Trailers;
        if (_responseTrailers is not null)
            foreach (Metadata.Entry entry in _responseTrailers)
                Append(destination, entry);
        destination.GrpcStatus = StatusText(status.StatusCode);
        if (status.Detail.Length > 0)
            destination.GrpcMessage = GrpcMessage.Encode(status.Detail);
    }

    /// <summary>Puts a failure's trailers behind those that the handler has set.</summary>
    public void AddTrailers(Metadata trailers)
    {
        foreach (Metadata.Entry entry in trailers)
            ResponseTrailersCore.Add(entry);
    }

    /// <summary>Ends the stream without a status, for when part of a message is out already.</summary>
    public void Reset(int http2Error) => _http.Features.Get<IHttpResetFeature>()?.Reset(http2Error);

    /// <summary>After this nothing of the call touches the HTTP request any more.</summary>
    public async ValueTask CloseAsync()
    {
        if (_deadlineTimer is not null)
            await _deadlineTimer.DisposeAsync();
        if (_deadlineAnswered is not null)
            await _deadlineAnswered.Task;
        _cancellation?.Dispose();
        if (_responses is null)
            return;
        try
        {
            await _responses.CompleteAsync();
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or InvalidOperationException)
        {
            _responses.Fail(gone);
        }
    }

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        if (_http.Response.HasStarted)
            throw new InvalidOperationException("Response headers can only be sent once per call.");
        BeginSend();
        try
        {
            foreach (Metadata.Entry entry in responseHeaders)
                Append(_http.Response.Headers, entry);
            await _http.Response.StartAsync(CancellationTokenCore);
            await _http.Response.BodyWriter.FlushAsync(CancellationTokenCore);
        }
        finally
        {
            EndSend();
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> frames)
    {
        BeginSend();
        try
        {
            FlushResult result = await _http.Response.BodyWriter.WriteAsync(frames, CancellationToken.None);
            if (result.IsCompleted && _http.RequestAborted.IsCancellationRequested)
                throw new OperationCanceledException("The client has gone away or cancelled the call.", _http.RequestAborted);
        }
        finally
        {
            EndSend();
        }
    }

    private void BeginSend()
    {
        lock (_gate)
        {
            switch (_end)
            {
                case End.Open:
                    _sends++;
                    break;
                case End.ByDeadline:
                    throw new OperationCanceledException("The call's deadline has passed.", CancellationTokenCore);
                default:
                    throw new InvalidOperationException("Can't write the message because the call is complete.");
            }
        }
    }

    private void EndSend()
    {
        lock (_gate)
        {
            if (--_sends == 0)
                _sent?.TrySetResult();
        }
    }

    // A timer's callback: nothing may escape.
    private async void OnDeadline()
    {
        lock (_gate)
        {
            if (_end != End.Open)
                return;
            _end = End.ByDeadline;
            _deadlineAnswered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_sends > 0)
                _sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        try
        {
            Task cancelled = _cancellation!.CancelAsync();
            if (_sent is not null)
                await _sent.Task.WaitAsync(DeadlineGrace);
            WriteStatus(new Status(Core.StatusCode.DeadlineExceeded, "Deadline Exceeded"));
            await _http.Response.CompleteAsync();
            await cancelled;
        }
        catch (Exception)
        {
            // The reader is too slow for what is on its way, the connection is gone, or a callback on the handler's token failed.
            Reset(Http2Cancel);
        }
        finally
        {
            _deadlineAnswered.TrySetResult();
        }
    }

    private static void Append(IHeaderDictionary destination, Metadata.Entry entry)
    {
        if (!MetadataHeaders.IsReserved(entry.Key))
            destination.Append(entry.Key, MetadataHeaders.HeaderValue(entry));
    }

    private static string StatusText(StatusCode code) => code switch
    {
        Core.StatusCode.OK => "0",
        _ => ((int)code).ToString(CultureInfo.InvariantCulture),
    };
}
