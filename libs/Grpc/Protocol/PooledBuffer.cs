using System.Buffers;

namespace Grpc.Protocol;

/// <summary>Bytes in one rented array that grows. Holds no array while it is empty and released, so an idle stream costs nothing.</summary>
internal sealed class PooledBuffer : IBufferWriter<byte>
{
    private const int SmallestArrayBytes = 1024;

    private byte[] _array = [];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, Length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _array.Length - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _array.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _array.AsSpan(Length);
    }

    /// <summary>Forgets what was written after <paramref name="length"/>.</summary>
    public void Truncate(int length) => Length = length;

    /// <summary>Empties the buffer and gives its array back.</summary>
    public void Release()
    {
        if (_array.Length > 0)
            ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        Length = 0;
    }

    private void EnsureRoom(int sizeHint)
    {
        int room = Math.Max(sizeHint, 1);
        if (_array.Length - Length >= room)
            return;
        long doubled = Math.Min((long)_array.Length * 2, Array.MaxLength);
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(Math.Max(Length + room, doubled), SmallestArrayBytes));
        _array.AsSpan(0, Length).CopyTo(larger);
        if (_array.Length > 0)
            ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
