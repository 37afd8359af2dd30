using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Claims.Cli;

/// <summary>Says in every request that has a field <c>reached</c> what the books must have before it is answered, so that no command
/// forgets it.</summary>
public sealed class BooksReachedInterceptor(BooksReached reached) : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(continuation);
        if (request is IMessage message) message.Descriptor.FindFieldByName("reached")?.Accessor.SetValue(message, reached);
        return continuation(request, context);
    }
}
