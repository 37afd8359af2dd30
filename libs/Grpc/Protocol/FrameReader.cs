using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>
/// Reads gRPC frames, split anywhere, from a pipe. What one read of the pipe brought is kept until its last whole message has
/// been taken, so a burst of small messages costs one read.
/// </summary>
/// <param name="maxMessageBytes">Null: no limit. It holds for the payload as sent and as decompressed.</param>
/// <param name="encoding">What <c>grpc-encoding</c> said: identity or gzip.</param>
internal sealed class FrameReader(PipeReader pipe, int? maxMessageBytes, MessageEncoding encoding)
{
    private readonly FrameDeserializer _deserializer = new();
    private ReadOnlySequence<byte> _held;
    private bool _holding;
    private bool _ended;

    /// <summary>What the pipe threw: the peer is gone, or the reader was cancelled.</summary>
    public Exception? PipeFailure { get; private set; }

    /// <summary>
    /// The next message if it has arrived in full. Throws <see cref="RpcException"/>: RESOURCE_EXHAUSTED above the limit (as soon
    /// as the length is known), INTERNAL for a frame that breaks the protocol or a payload that does not parse.
    /// </summary>
    public bool TryRead<T>(Marshaller<T> marshaller, out T? message)
    {
        message = default;
        if (_held.Length < FrameSerializer.HeaderBytes)
            return false;
        Span<byte> header = stackalloc byte[FrameSerializer.HeaderBytes];
        _held.Slice(0, FrameSerializer.HeaderBytes).CopyTo(header);
        byte flag = header[0];
        uint payloadBytes = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (flag > 1)
            throw new RpcException(new Status(StatusCode.Internal, $"Unexpected compressed flag {flag} in message header."));
        if (flag == 1 && encoding == MessageEncoding.Identity)
            throw new RpcException(new Status(StatusCode.Internal, "A compressed message came without a grpc-encoding that says how."));
        if (payloadBytes > (uint)(maxMessageBytes ?? int.MaxValue))
            throw TooLarge();
        if (_held.Length - FrameSerializer.HeaderBytes < payloadBytes)
            return false;

        ReadOnlySequence<byte> payload = _held.Slice(FrameSerializer.HeaderBytes, payloadBytes);
        message = flag == 0 ? Deserialize(marshaller, payload) : Decompress(marshaller, payload);
        _held = _held.Slice(payload.End);
        return true;
    }

    /// <summary>Waits for more bytes. False at the end of the stream; an end within a message throws <see cref="RpcException"/> INTERNAL.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_ended)
        {
            if (_held.Length > 0)
                throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
            Release();
            return false;
        }
        try
        {
            if (_holding)
                Advance(_held.Start, _held.End);
            ReadResult result = await pipe.ReadAsync(cancellationToken);
            _held = result.Buffer;
            _holding = true;
            _ended = result.IsCompleted;
            return true;
        }
        catch (Exception failure)
        {
            PipeFailure = failure;
            throw;
        }
    }

    /// <summary>The only message of a stream, read to the stream's end; null when there is none. A second one throws <see cref="RpcException"/> UNIMPLEMENTED.</summary>
    public async ValueTask<T?> ReadSingleAsync<T>(Marshaller<T> marshaller, CancellationToken cancellationToken) where T : class
    {
        T? single = null;
        do
        {
            while (TryRead(marshaller, out T? message))
                single = single is null ? message : throw Cardinality("more than one");
        }
        while (await FillAsync(cancellationToken));
        return single;
    }

    /// <summary>The protocol's status for a stream of one message that has none or several.</summary>
    public static RpcException Cardinality(string count) => new(new Status(StatusCode.Unimplemented,
        $"Cardinality violation: the method takes exactly one message on this side, and there is {count}."));

    /// <summary>Lets go of the bytes held. No reads after this.</summary>
    public void Release()
    {
        if (!_holding)
            return;
        try
        {
            Advance(_held.Start, _held.Start);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            // Kestrel throws here when the peer has reset the stream: there is nothing left to let go of.
            PipeFailure = failure;
        }
    }

    /// <summary>Lets go of the bytes held and of the pipe.</summary>
    public void Complete()
    {
        Release();
        pipe.Complete();
    }

    private void Advance(SequencePosition consumed, SequencePosition examined)
    {
        _holding = false;
        _held = default;
        pipe.AdvanceTo(consumed, examined);
    }

    private T Deserialize<T>(Marshaller<T> marshaller, ReadOnlySequence<byte> payload)
    {
        try
        {
            _deserializer.Payload = payload;
            return marshaller.ContextualDeserializer(_deserializer);
        }
        catch (Exception failure) when (failure is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The message does not parse.", failure));
        }
        finally
        {
            _deserializer.Payload = default;
        }
    }

    private T Decompress<T>(Marshaller<T> marshaller, ReadOnlySequence<byte> payload)
    {
        PooledBuffer plain = new();
        try
        {
            if (!Compression.TryDecompressGzip(payload, plain, maxMessageBytes ?? int.MaxValue))
                throw TooLarge();
            return Deserialize(marshaller, new ReadOnlySequence<byte>(plain.Written));
        }
        finally
        {
            plain.Release();
        }
    }

    private RpcException TooLarge() => new(new Status(StatusCode.ResourceExhausted,
        $"Received message exceeds the maximum configured message size of {maxMessageBytes} bytes."));

    private sealed class FrameDeserializer : DeserializationContext
    {
        public ReadOnlySequence<byte> Payload { get; set; }
        public override int PayloadLength => (int)Payload.Length;
        public override byte[] PayloadAsNewBuffer() => Payload.ToArray();
        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => Payload;
    }
}
