using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>What holds for every service of an application.</summary>
public sealed class GrpcServiceOptions
{
    public const int DefaultMaxReceiveMessageSize = 4 * 1024 * 1024;

    /// <summary>Bytes of one incoming message; null takes the length prefix's word up to 2 GiB. Above: RESOURCE_EXHAUSTED.</summary>
    public int? MaxReceiveMessageSize { get; set; } = DefaultMaxReceiveMessageSize;

    /// <summary>Bytes of one outgoing message; null is no limit. Above: RESOURCE_EXHAUSTED.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Tells the peer the text of exceptions that are not <see cref="Core.RpcException"/>. Only where peers are trusted.</summary>
    public bool EnableDetailedErrors { get; set; }

    /// <summary>In the order in which a call meets them.</summary>
    public InterceptorCollection Interceptors { get; } = [];
}

/// <summary>Types of interceptors. One instance serves all calls: from the container where registered, otherwise made when services are mapped.</summary>
public sealed class InterceptorCollection : List<InterceptorRegistration>
{
    public void Add<TInterceptor>(params object[] args) where TInterceptor : Interceptor => Add(new InterceptorRegistration(typeof(TInterceptor), args));
}

public sealed record InterceptorRegistration(Type Type, IReadOnlyList<object> Arguments);
