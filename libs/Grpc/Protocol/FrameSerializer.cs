using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>
/// Writes messages as gRPC frames: one byte "compressed" (always 0 here), four bytes length, payload. A message that says its
/// length first goes straight into the target.
/// </summary>
internal sealed class FrameSerializer(int? maxMessageBytes) : SerializationContext, IBufferWriter<byte>
{
    public const int HeaderBytes = 5;

    private IBufferWriter<byte> _target = null!;
    private PooledBuffer? _undeclared;
    private int _declaredBytes;
    private int _writtenBytes;
    private bool _completed;

    /// <summary>Whether the last write put anything into the target, be it complete or not.</summary>
    public bool WroteHeader { get; private set; }

    /// <summary>Throws <see cref="RpcException"/> RESOURCE_EXHAUSTED above the limit, before anything is written.</summary>
    public void Write<T>(IBufferWriter<byte> target, T message, Action<T, SerializationContext> serialize)
    {
        _target = target;
        _declaredBytes = -1;
        _writtenBytes = 0;
        _completed = false;
        WroteHeader = false;
        try
        {
            serialize(message, this);
            if (!_completed)
                throw new InvalidOperationException("The serializer did not complete the message.");
        }
        finally
        {
            _undeclared?.Release();
            _undeclared = null;
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        if (_declaredBytes >= 0 || _writtenBytes > 0)
            throw new InvalidOperationException("The length of the payload is set once, before the payload is written.");
        _declaredBytes = payloadLength;
        WriteHeader(payloadLength);
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        if (_declaredBytes < 0)
            _undeclared ??= new PooledBuffer();
        return this;
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        if (_declaredBytes < 0)
            SetPayloadLength(payload.Length);
        _target.Write(payload);
        _writtenBytes = payload.Length;
        Complete();
    }

    public override void Complete()
    {
        if (_completed)
            throw new InvalidOperationException("The message is complete already.");
        if (_declaredBytes < 0)
        {
            WriteHeader(_writtenBytes);
            if (_undeclared is not null)
                _target.Write(_undeclared.Written.Span);
        }
        else if (_declaredBytes != _writtenBytes)
        {
            throw new InvalidOperationException($"The serializer declared {_declaredBytes} bytes and wrote {_writtenBytes}.");
        }
        _completed = true;
    }

    public void Advance(int count)
    {
        ((IBufferWriter<byte>?)_undeclared ?? _target).Advance(count);
        _writtenBytes += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => ((IBufferWriter<byte>?)_undeclared ?? _target).GetMemory(sizeHint);
    public Span<byte> GetSpan(int sizeHint = 0) => ((IBufferWriter<byte>?)_undeclared ?? _target).GetSpan(sizeHint);

    private void WriteHeader(int payloadBytes)
    {
        if (payloadBytes > maxMessageBytes)
            throw new RpcException(new Status(StatusCode.ResourceExhausted, $"Sending message exceeds the maximum configured message size of {maxMessageBytes} bytes."));
        Span<byte> header = _target.GetSpan(HeaderBytes);
        header[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], payloadBytes);
        _target.Advance(HeaderBytes);
        WroteHeader = true;
    }
}
