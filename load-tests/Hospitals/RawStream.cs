using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// One hospital's stream, in the bytes of the wire: requests are encoded before the measurement and answers decoded after it, so
/// that the load generator takes as little of the machine as it can.
/// </summary>
public sealed class RawStream(CallInvoker adjudication)
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create((byte[] message) => message, message => message);
    private static readonly Method<byte[], byte[]> SettleStream =
        new(MethodType.DuplexStreaming, V1.Adjudication.Descriptor.FullName, nameof(SettleStream), Bytes, Bytes);

    /// <summary>Sends everything, at most <paramref name="window"/> requests ahead of the answers.</summary>
    /// <param name="answers">Takes the answers in the order in which they come.</param>
    /// <exception cref="RpcException">The stream broke: a measurement with an error in it counts for nothing.</exception>
    public async Task SendAsync(IReadOnlyList<byte[]> requests, int window, List<byte[]> answers, CancellationToken cancellationToken)
    {
        using SemaphoreSlim room = new(window);
        using AsyncDuplexStreamingCall<byte[], byte[]> call =
            adjudication.AsyncDuplexStreamingCall(SettleStream, null, new CallOptions(cancellationToken: cancellationToken));
        Task writing = WriteAsync();
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            answers.Add(call.ResponseStream.Current);
            room.Release();
        }

        await writing;
        if (answers.Count != requests.Count)
            throw new RpcException(new Status(StatusCode.Unavailable, $"{answers.Count} of {requests.Count} requests were answered"));

        async Task WriteAsync()
        {
            foreach (byte[] request in requests)
            {
                await room.WaitAsync(cancellationToken);
                await call.RequestStream.WriteAsync(request, cancellationToken);
            }

            await call.RequestStream.CompleteAsync();
        }
    }

    /// <summary>The settlements among some answers.</summary>
    /// <exception cref="InvalidOperationException">Something was not settled: the workload has nothing to refuse.</exception>
    public static IEnumerable<SettleReply> Decode(IEnumerable<byte[]> answers) => answers.Select(answer =>
    {
        SettleReply reply = SettleReply.Parser.ParseFrom(answer);
        return reply.Decision is Decision.Settled
            ? reply
            : throw new InvalidOperationException($"{reply.RequestId} was answered {reply.Decision} {reply.ReasonCode}.");
    });

    public static byte[] Encode(SettleRequest request) => request.ToByteArray();
}
