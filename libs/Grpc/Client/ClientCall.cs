using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Protocol;

namespace Grpc.Client;

/// <summary>One call as one HTTP/2 request. It ends once, with a status and trailers, whoever learns of the end first.</summary>
internal abstract class ClientCall : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _cancellation = new();
    private readonly CancellationTokenRegistration _callerCancels;
    private readonly CancellationTokenRegistration _channelCancels;
    private readonly ITimer? _deadlineTimer;
    private readonly DateTime? _deadline;
    private TaskCompletionSource<Metadata>? _headersAwaited;
    private Metadata? _headers;
    private Metadata _trailers = Metadata.Empty;
    private Status _status;
    private bool _ended;

    protected ClientCall(GrpcChannel channel, string path, CallOptions options)
    {
        Channel = channel;
        Options = options;
        Path = path;
        _deadline = options.Deadline;
        if (_deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            TimeSpan left = deadline.ToUniversalTime() - TimeProvider.System.GetUtcNow().UtcDateTime;
            TimeLeft = left;
            if (left <= TimeSpan.Zero)
                OnDeadline();
            else if (left < TimeSpan.FromDays(49))
                _deadlineTimer = TimeProvider.System.CreateTimer(static call => ((ClientCall)call!).OnDeadline(), this, left, Timeout.InfiniteTimeSpan);
        }
        _callerCancels = options.CancellationToken.UnsafeRegister(static call => ((ClientCall)call!).Cancel(), this);
        _channelCancels = channel.Disposed.UnsafeRegister(static call => ((ClientCall)call!).Cancel(), this);
        if (_ended)
            ReleaseTriggers();
    }

    protected GrpcChannel Channel { get; }
    protected CallOptions Options { get; }
    protected string Path { get; }
    protected TimeSpan? TimeLeft { get; }
    protected HttpResponseMessage? Response { get; set; }
    protected HttpRequestMessage? Request { get; set; }
    public CancellationToken Cancelled => _cancellation.Token;

    public Task<Metadata> ResponseHeadersAsync
    {
        get
        {
            lock (_gate)
            {
                if (_headersAwaited is null)
                {
                    _headersAwaited = new TaskCompletionSource<Metadata>(TaskCreationOptions.RunContinuationsAsynchronously);
                    if (Response is { } response)
                        _headersAwaited.TrySetResult(_headers ??= MetadataOf(response.Headers));
                    else if (_ended)
                        _headersAwaited.TrySetException(FailureOf(_status));
                }
                return _headersAwaited.Task;
            }
        }
    }

    public Status GetStatus() => _ended ? _status : throw new InvalidOperationException("Unable to get the status because the call is not complete.");
    public Metadata GetTrailers() => _ended ? _trailers : throw new InvalidOperationException("Can't get the call trailers because the call has not completed successfully.");

    public void Cancel() => Cancel(new Status(StatusCode.Cancelled, "Call canceled by the client."));

    public void Dispose() => Cancel(new Status(StatusCode.Cancelled, "gRPC call disposed."));

    /// <summary>The exception for a write that failed, or came after the end.</summary>
    public Exception WriteFailure(Exception failure)
    {
        if (_ended && _status.StatusCode == StatusCode.OK)
            return new InvalidOperationException("Can't write the message because the call is complete.", failure);
        return FailureOf(_ended ? _status : StatusOf(failure));
    }

    protected bool Ended => _ended;

    /// <summary>Ended from this side, before the server's status came.</summary>
    protected bool Abandoned { get; private set; }

    /// <summary>What the writer of a request stream does when the call is over.</summary>
    protected virtual void OnEnded() { }

    /// <summary>Sends the request and takes the response's headers. Null: the response has no messages and the call is over.</summary>
    protected async Task<FrameReader?> OpenAsync(HttpContent content)
    {
        Request = new HttpRequestMessage(HttpMethod.Post, Channel.UriOf(Path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        RequestHeaders.Apply(Request, Options.Headers, TimeLeft);
        Cancelled.ThrowIfCancellationRequested();
        HttpResponseMessage response = await Channel.Http.SendAsync(Request, Cancelled);
        TaskCompletionSource<Metadata>? awaited;
        lock (_gate)
        {
            Response = response;
            awaited = _headersAwaited;
        }
        if (_ended)
            response.Dispose();
        awaited?.TrySetResult(_headers ??= MetadataOf(response.Headers));

        if (TryStatusFrom(response.Headers, out Status status))
        {
            End(status, response.Headers);
            return null;
        }
        string? contentType = response.Content.Headers.ContentType?.MediaType;
        if (response.StatusCode != HttpStatusCode.OK || contentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) != true)
        {
            End(new Status(Failures.StatusOf(response.StatusCode), $"Bad gRPC response. HTTP status code: {(int)response.StatusCode}, content type: {contentType ?? "none"}"), response.Headers);
            return null;
        }
        string? encodingName = HeaderOf(response.Headers, "grpc-encoding");
        if (!Compression.TryParse(encodingName, out MessageEncoding encoding))
        {
            End(new Status(StatusCode.Internal, $"Unsupported grpc-encoding value '{encodingName}'."), response.Headers);
            return null;
        }
        Stream body = await response.Content.ReadAsStreamAsync(Cancelled);
        return new FrameReader(PipeReader.Create(body, ReaderOptions), Channel.Options.MaxReceiveMessageSize, encoding);
    }

    private static readonly StreamPipeReaderOptions ReaderOptions = new(bufferSize: 4 * 1024, minimumReadSize: 512, useZeroByteReads: true);

    /// <summary>After the last message: ends the call with the status in the trailers, or another in place of OK.</summary>
    protected void EndWithTrailers(Status? insteadOfOk = null)
    {
        HttpResponseHeaders trailers = Response!.TrailingHeaders;
        if (!TryStatusFrom(trailers, out Status status))
            status = new Status(StatusCode.Unknown, "No grpc-status found on response.");
        End(status.StatusCode == StatusCode.OK ? insteadOfOk ?? status : status, trailers);
    }

    /// <summary>Ends the call with what a failure means; it may have ended before, and that status stands.</summary>
    protected Exception EndWith(Exception failure)
    {
        Cancel(StatusOf(failure));
        return FailureOf(_status);
    }

    /// <summary>Throws unless the call ended with OK.</summary>
    protected void ThrowUnlessOk()
    {
        if (_status.StatusCode != StatusCode.OK)
            throw FailureOf(_status);
    }

    /// <summary>True to the first: only its status counts.</summary>
    protected bool End(Status status, HttpResponseHeaders? trailers = null) => End(status, trailers, abandon: false);

    private bool End(Status status, HttpResponseHeaders? trailers, bool abandon)
    {
        TaskCompletionSource<Metadata>? awaited;
        lock (_gate)
        {
            if (_ended)
                return false;
            _status = status;
            if (trailers is not null)
                _trailers = MetadataOf(trailers);
            Abandoned = abandon;
            _ended = true;
            awaited = _headersAwaited;
        }
        awaited?.TrySetException(FailureOf(status));
        ReleaseTriggers();
        // Before anything else ends: a server that saw the stream of requests complete would take a cancelled call for a whole one.
        if (abandon)
            _cancellation.Cancel();
        OnEnded();
        Response?.Dispose();
        Request?.Dispose();
        return true;
    }

    // Unregister, not Dispose: the end may come from within one of these callbacks.
    private void ReleaseTriggers()
    {
        _deadlineTimer?.Dispose();
        _callerCancels.Unregister();
        _channelCancels.Unregister();
    }

    private Exception FailureOf(Status status) =>
        status.StatusCode == StatusCode.Cancelled && Channel.Options.ThrowOperationCanceledOnCancellation
            ? new OperationCanceledException(status.Detail, status.DebugException, Options.CancellationToken)
            : new RpcException(status, _trailers);

    private Status StatusOf(Exception failure)
    {
        if (failure is RpcException rpc)
            return rpc.Status;
        return Failures.StatusOf(failure, _deadline?.ToUniversalTime() <= TimeProvider.System.GetUtcNow().UtcDateTime);
    }

    private void OnDeadline() => Cancel(new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded"));

    // The call ends here and now: nobody may be reading it, and the server shall know.
    private void Cancel(Status status) => End(status, trailers: null, abandon: true);

    private static bool TryStatusFrom(HttpResponseHeaders headers, out Status status)
    {
        status = default;
        if (HeaderOf(headers, "grpc-status") is not { } text)
            return false;
        string detail = HeaderOf(headers, "grpc-message") is { } message ? GrpcMessage.Decode(message) : "";
        status = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int code) && code <= (int)StatusCode.Unauthenticated
            ? new Status((StatusCode)code, detail)
            : new Status(StatusCode.Unknown, $"Unexpected grpc-status value '{text}'. {detail}".TrimEnd());
        return true;
    }

    private static string? HeaderOf(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values.ToString() : null;

    private static Metadata MetadataOf(HttpResponseHeaders headers)
    {
        Metadata metadata = [];
        foreach (KeyValuePair<string, HeaderStringValues> header in headers.NonValidated)
        {
            if (MetadataHeaders.IsReserved(header.Key) && !header.Key.Equals("grpc-status-details-bin", StringComparison.OrdinalIgnoreCase))
                continue;
            foreach (string value in header.Value)
                if (!MetadataHeaders.TryAdd(metadata, header.Key, value))
                    return metadata;
        }
        return metadata.Freeze();
    }
}

/// <inheritdoc/>
internal sealed class ClientCall<TRequest, TResponse>(GrpcChannel channel, Method<TRequest, TResponse> method, CallOptions options)
    : ClientCall(channel, method.FullName, options)
    where TRequest : class where TResponse : class
{
    private StreamedMessages? _requests;
    private StreamedContent? _requestContent;
    private Task<FrameReader?>? _opening;

    public Method<TRequest, TResponse> Method => method;

    /// <summary>Response messages, once the headers are there; null when there are none.</summary>
    public Task<FrameReader?> Opened => _opening!;

    /// <summary>Makes the request a stream that <see cref="WriteAsync"/> feeds.</summary>
    public StreamedContent StreamRequests()
    {
        _requests = new StreamedMessages(Channel.Options.MaxSendMessageSize, SendAsync);
        _requestContent = new StreamedContent();
        if (Ended)
            OnEnded();
        return _requestContent;
    }

    /// <summary>Sends the request and reads its only response.</summary>
    public async Task<TResponse> SingleResponseAsync(TRequest? request, StreamedContent? stream)
    {
        try
        {
            TResponse? response = null;
            if (await OpenAsync((HttpContent?)stream ?? Frame(request!)) is { } reader)
            {
                try
                {
                    response = await reader.ReadSingleAsync(method.ResponseMarshaller, Cancelled);
                }
                finally
                {
                    reader.Complete();
                }
                EndWithTrailers(response is null ? FrameReader.Cardinality("none").Status : null);
            }
            ThrowUnlessOk();
            return response ?? throw FrameReader.Cardinality("none");
        }
        catch (Exception failure) when (!Ended || failure is not RpcException)
        {
            throw EndWith(failure);
        }
    }

    /// <summary>Sends the request; its responses are read by <see cref="MoveNextAsync"/>.</summary>
    public void Start(TRequest? request, StreamedContent? stream)
    {
        _opening = OpenOrEndAsync(request, stream);
    }

    /// <summary>A response that has arrived already.</summary>
    public bool TryReadBuffered(out TResponse? message)
    {
        message = null;
        if (Ended || !Opened.IsCompletedSuccessfully || Opened.Result is not { } reader || Cancelled.IsCancellationRequested)
            return false;
        try
        {
            return reader.TryRead(method.ResponseMarshaller, out message);
        }
        catch (RpcException)
        {
            // Found again, and thrown, by the read that follows.
            return false;
        }
    }

    /// <summary>Ends the call when the stream of responses ends or fails.</summary>
    public async Task<TResponse?> MoveNextAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration cancels = cancellationToken.UnsafeRegister(static call => ((ClientCall)call!).Cancel(), this);
        FrameReader? reader = await Opened;
        if (Ended || reader is null)
        {
            ThrowUnlessOk();
            return null;
        }
        try
        {
            do
            {
                if (reader.TryRead(method.ResponseMarshaller, out TResponse? message))
                    return message;
            }
            while (await reader.FillAsync(Cancelled));
            EndWithTrailers();
            reader.Complete();
        }
        catch (Exception failure)
        {
            reader.Complete();
            throw EndWith(failure);
        }
        ThrowUnlessOk();
        return null;
    }

    public Task WriteAsync(TRequest message, WriteOptions? writeOptions) =>
        _requests!.WriteAsync(message, method.RequestMarshaller, writeOptions ?? Options.WriteOptions);

    public async Task CompleteRequestsAsync()
    {
        await _requests!.CompleteAsync();
        _requestContent!.End();
    }

    protected override void OnEnded()
    {
        _requests?.Fail(WriteFailure(new InvalidOperationException("The call is complete.")));
        if (Abandoned)
            _requestContent?.Abandon();
        else
            _requestContent?.End();
    }

    private MessageContent Frame(TRequest request)
    {
        PooledBuffer frame = new();
        new FrameSerializer(Channel.Options.MaxSendMessageSize).Write(frame, request, method.RequestMarshaller.ContextualSerializer);
        return new MessageContent(frame);
    }

    private async Task<FrameReader?> OpenOrEndAsync(TRequest? request, StreamedContent? stream)
    {
        try
        {
            return await OpenAsync((HttpContent?)stream ?? Frame(request!));
        }
        catch (Exception failure)
        {
            EndWith(failure);
            return null;
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> frames)
    {
        try
        {
            Stream stream = await _requestContent!.Stream;
            await stream.WriteAsync(frames, Cancelled);
            await stream.FlushAsync(Cancelled);
        }
        catch (Exception failure)
        {
            throw WriteFailure(failure);
        }
    }
}
