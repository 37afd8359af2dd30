using System.Diagnostics;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Claims.Hosting;

/// <summary>Around every gRPC call that is served: who may call, a bound on how many run, an orderly end when the service stops, and no
/// exception that escapes unlogged.</summary>
internal sealed class CallGuard : Interceptor
{
    private readonly AccessControl _access;
    private readonly CallsInProgress _calls;
    private readonly CallerShares _shares;
    private readonly OpenStreams _streams;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stopping;
    private readonly ILogger<CallGuard> _logger;

    public CallGuard(AccessControl access, CallsInProgress calls, CallerShares shares, OpenStreams streams, TimeProvider time,
        IHostApplicationLifetime lifetime, ILogger<CallGuard> logger)
    {
        _access = access;
        _calls = calls;
        _shares = shares;
        _streams = streams;
        _time = time;
        _stopping = lifetime.ApplicationStopping;
        _logger = logger;
    }

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync<TRequest, TResponse>(context, request, isStream: false, (_, _) => continuation(request, context));

    // A half-read upload must not look like a whole one: it runs to its end, or into the bound on draining. One that falls silent fails.
    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync<TRequest, TResponse>(context, request: null, isStream: true, async (check, share) =>
        {
            using BoundedReader<TRequest> reader = new(requestStream, check, share, ConnectionOf(context), _time, CancellationToken.None);
            return await ReadAsync(reader, () => continuation(reader, context));
        });

    // A subscription has no end of its own: it is cut when the service stops, and the caller subscribes to another replica.
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync<TRequest, bool>(context, request, isStream: true, async (_, _) =>
        {
            // Where Grpc.AspNetCore looks for it when a context is not its own.
            context.UserState["__HttpContext"] = context.GetHttpContext();
            using StoppableContext stoppable = new(context, _stopping);
            try
            {
                await continuation(request, responseStream, stoppable);
            }
            catch (OperationCanceledException) when (
                _stopping.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
            {
                throw Stopping();
            }

            return true;
        });

    // What was read is answered, nothing more is read, and the status says that the rest was not seen.
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        GuardAsync<TRequest, bool>(context, request: null, isStream: true, async (check, share) =>
        {
            using BoundedReader<TRequest> reader = new(requestStream, check, share, ConnectionOf(context), _time, _stopping);
            return await ReadAsync(reader, async () =>
            {
                await continuation(reader, responseStream, context);
                return true;
            });
        });

    private async Task<T> ReadAsync<TRequest, T>(BoundedReader<TRequest> reader, Func<Task<T>> call)
    {
        _streams.Begin(reader);
        try
        {
            T reply = await call();
            return reader.EndedBy is { } status ? throw new RpcException(status)
                : reader.IsStopped ? throw Stopping()
                : reply;
        }
        finally
        {
            _streams.End(reader);
        }
    }

    /// <param name="request">The call's only one; null where they are streamed.</param>
    /// <param name="call">Takes what each streamed message is to be checked with, null where nothing is, and whose messages are bounded,
    /// null where nobody's are: a bureau's files come as fast as they are taken.</param>
    private async Task<T> GuardAsync<TRequest, T>(
        ServerCallContext context, TRequest? request, bool isStream, Func<Action<TRequest>?, CallerShare?, Task<T>> call)
        where TRequest : class
    {
        HttpContext http = context.GetHttpContext();
        (Identity caller, Permission permission) = _access.Admit(http, context.Method);
        context.Names(caller);
        // Its own says POST and the path.
        if (Activity.Current is { IsAllDataRequested: true } span) span.DisplayName = context.Method[1..];
        CallerShare? share = _shares.Begin(caller, http.Features.Get<CallerConnection>(), isStream);
        bool isBegun = false;
        // Operators and probes are served when hospitals have all the places.
        bool takesPlace = !permission.Operators && !AccessControl.IsAnyPorts(permission.Method);
        try
        {
            Action<TRequest>? check =
                permission.OwnFacility && caller.IsFacility ? CheckOf<TRequest>(caller, permission.Method) : null;
            if (request is not null) check?.Invoke(request);
            isBegun = _calls.TryBegin(takesPlace);
            return isBegun
                ? await call(check, caller.IsFacility ? share : null)
                : throw new RpcException(new Status(StatusCode.ResourceExhausted, "Too many calls are in progress; try again later."));
        }
        catch (InvalidProtocolBufferException)
        {
            throw Unreadable();
        }
        catch (Exception exception) when (exception is not RpcException && !context.CancellationToken.IsCancellationRequested)
        {
            CallsInProgress.CountFailure();
            _logger.LogError(new EventId(1, "call_failed"), exception,
                "{Method} failed for insured {InsuredId}, facility {FacilityCode}, request {RequestId}.",
                context.Method, Mask.Insured(Field(request, "insured_id")), Field(request, "facility_code"), Field(request, "request_id"));
            throw new RpcException(new Status(StatusCode.Internal, "The service failed; its log has the cause."));
        }
        finally
        {
            if (isBegun) _calls.End(takesPlace);
            share?.End(isStream);
        }
    }

    private static CallerConnection? ConnectionOf(ServerCallContext context) =>
        context.GetHttpContext().Features.Get<CallerConnection>();

    private Action<TRequest> CheckOf<TRequest>(Identity caller, string method) => message =>
    {
        (bool names, string? facilityCode) = FacilityOf<TRequest>.Read(message);
        if (names) _access.RequireOwn(caller, facilityCode, method);
    };

    private static RpcException Unreadable() =>
        new(new Status(StatusCode.InvalidArgument, UnreadableRequests.Sentence));

    private static RpcException Stopping() =>
        new(new Status(StatusCode.Unavailable, "The service is stopping; send again what was not answered."));

    private static string? Field(object? request, string name) =>
        (request as IMessage)?.Descriptor.FindFieldByName(name) is { FieldType: FieldType.String, IsRepeated: false } field
            ? (string)field.Accessor.GetValue((IMessage)request)
            : null;

    /// <summary>The call's context, cancelled as well when the service stops.</summary>
    private sealed class StoppableContext(ServerCallContext inner, CancellationToken stopping) : ServerCallContext, IDisposable
    {
        private readonly CancellationTokenSource _either =
            CancellationTokenSource.CreateLinkedTokenSource(inner.CancellationToken, stopping);

        protected override string MethodCore => inner.Method;

        protected override string HostCore => inner.Host;

        protected override string PeerCore => inner.Peer;

        protected override DateTime DeadlineCore => inner.Deadline;

        protected override Metadata RequestHeadersCore => inner.RequestHeaders;

        protected override CancellationToken CancellationTokenCore => _either.Token;

        protected override Metadata ResponseTrailersCore => inner.ResponseTrailers;

        protected override Status StatusCore { get => inner.Status; set => inner.Status = value; }

        protected override WriteOptions? WriteOptionsCore { get => inner.WriteOptions; set => inner.WriteOptions = value; }

        protected override IDictionary<object, object> UserStateCore => inner.UserState;

        protected override AuthContext AuthContextCore => inner.AuthContext;

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            inner.CreatePropagationToken(options);

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => inner.WriteResponseHeadersAsync(responseHeaders);

        public void Dispose() => _either.Dispose();
    }
}
