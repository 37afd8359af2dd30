namespace Grpc.Core;

/// <summary>How calls reach a server. Generated clients only know this.</summary>
public abstract class CallInvoker
{
    public abstract TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class where TResponse : class;

    public abstract AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class where TResponse : class;

    public abstract AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class where TResponse : class;

    public abstract AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class where TResponse : class;

    public abstract AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class where TResponse : class;
}

/// <summary>Connections to one server.</summary>
public abstract class ChannelBase(string target)
{
    /// <summary>Host and port.</summary>
    public string Target { get; } = target ?? throw new ArgumentNullException(nameof(target));

    public abstract CallInvoker CreateCallInvoker();

    /// <summary>Ends every connection. Calls in flight are cancelled.</summary>
    public Task ShutdownAsync() => ShutdownAsyncCore();

    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}

public abstract class ClientBase
{
    private readonly CallInvoker? _callInvoker;

    protected ClientBase() { }
    protected ClientBase(ChannelBase channel) => _callInvoker = (channel ?? throw new ArgumentNullException(nameof(channel))).CreateCallInvoker();
    protected ClientBase(CallInvoker callInvoker) => _callInvoker = callInvoker ?? throw new ArgumentNullException(nameof(callInvoker));
    protected ClientBase(ClientBaseConfiguration configuration) =>
        _callInvoker = (configuration ?? throw new ArgumentNullException(nameof(configuration))).CallInvoker;

    protected CallInvoker CallInvoker => _callInvoker ?? throw new NotSupportedException("This client was made by the constructor for test doubles.");

    private protected ClientBaseConfiguration Configuration => new(CallInvoker);

    protected internal sealed class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker callInvoker) => CallInvoker = callInvoker;
        internal CallInvoker CallInvoker { get; }
    }
}

public abstract class ClientBase<T> : ClientBase where T : ClientBase<T>
{
    protected ClientBase() { }
    protected ClientBase(ChannelBase channel) : base(channel) { }
    protected ClientBase(CallInvoker callInvoker) : base(callInvoker) { }
    protected ClientBase(ClientBaseConfiguration configuration) : base(configuration) { }

    /// <summary>The same client for one <c>:authority</c>. A channel here serves one address, so the host given must be null.</summary>
    public T WithHost(string host) => host is null ? NewInstance(Configuration) : throw new NotSupportedException("A call cannot name another host than its channel's.");

    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}
