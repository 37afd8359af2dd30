using Grpc.AspNetCore.Server;

namespace Grpc.Net.Client;

/// <summary>How a channel connects and what it takes.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>Null: a handler of the channel's own, see <see cref="GrpcChannel.CreateHandler"/>. A handler given here is not disposed unless <see cref="DisposeHttpClient"/>.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    public bool DisposeHttpClient { get; set; }

    /// <summary>Bytes of one incoming message; null is no limit. Above: RESOURCE_EXHAUSTED.</summary>
    public int? MaxReceiveMessageSize { get; set; } = GrpcServiceOptions.DefaultMaxReceiveMessageSize;

    /// <summary>Bytes of one outgoing message; null is no limit. Above: RESOURCE_EXHAUSTED.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>A call that its own token cancelled throws <see cref="OperationCanceledException"/> in place of RpcException CANCELLED.</summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; }
}
