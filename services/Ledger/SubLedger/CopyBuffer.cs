using System.Buffers.Binary;
using System.Text;

namespace Claims.Ledger.SubLedger;

/// <summary>
/// Rows in the bytes of PostgreSQL's binary COPY, for many rows of one table: Npgsql's importer awaits every value, which at 31
/// columns took longer than PostgreSQL's part.
/// </summary>
internal sealed class CopyBuffer
{
    // Signature, flags, and the length of an extension that there is not.
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly DateOnly Epoch = new(2000, 1, 1);
    private static readonly DateTimeOffset EpochTime = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private byte[] _bytes = new byte[64 * 1024];

    public int Length { get; private set; }

    /// <summary>A text as a field: its length and its bytes.</summary>
    public static byte[] FieldOf(string text)
    {
        byte[] field = new byte[sizeof(int) + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteInt32BigEndian(field, field.Length - sizeof(int));
        Encoding.UTF8.GetBytes(text, field.AsSpan(sizeof(int)));
        return field;
    }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    /// <summary>What was written from <paramref name="start"/> on.</summary>
    public ReadOnlySpan<byte> WrittenFrom(int start) => _bytes.AsSpan(start, Length - start);

    public void Clear() => Length = 0;

    /// <summary>Before the first row.</summary>
    public void Begin() => Header.CopyTo(Take(Header.Length));

    /// <summary>After the last row.</summary>
    public void End() => BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), -1);

    public void Row(short columns) => BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), columns);

    public void Null() => BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), -1);

    public void Write(bool value) => Field(sizeof(bool))[0] = value ? (byte)1 : (byte)0;

    public void Write(int value) => BinaryPrimitives.WriteInt32BigEndian(Field(sizeof(int)), value);

    public void Write(long value) => BinaryPrimitives.WriteInt64BigEndian(Field(sizeof(long)), value);

    public void Write(DateOnly value) => Write(value.DayNumber - Epoch.DayNumber);

    /// <summary>A timestamptz, to the microsecond.</summary>
    public void Write(DateTimeOffset value) => Write((value - EpochTime).Ticks / TimeSpan.TicksPerMicrosecond);

    public void Write(ReadOnlySpan<byte> value) => value.CopyTo(Field(value.Length));

    public void Write(string value)
    {
        int most = Encoding.UTF8.GetMaxByteCount(value.Length);
        Reserve(sizeof(int) + most);
        int bytes = Encoding.UTF8.GetBytes(value, _bytes.AsSpan(Length + sizeof(int)));
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(Length), bytes);
        Length += sizeof(int) + bytes;
    }

    private Span<byte> Field(int bytes)
    {
        Span<byte> field = Take(sizeof(int) + bytes);
        BinaryPrimitives.WriteInt32BigEndian(field, bytes);
        return field[sizeof(int)..];
    }

    private Span<byte> Take(int bytes)
    {
        Reserve(bytes);
        Span<byte> taken = _bytes.AsSpan(Length, bytes);
        Length += bytes;
        return taken;
    }

    private void Reserve(int bytes)
    {
        if (_bytes.Length - Length < bytes) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + bytes));
    }
}
