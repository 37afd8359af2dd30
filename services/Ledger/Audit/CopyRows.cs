using System.Buffers.Binary;
using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>
/// The rows of a query as PostgreSQL's binary COPY gives them: a count of fields (int16), then per field its length (int32, -1
/// for NULL) and its bytes, numbers in network order. The same value always has the same bytes, and no two rows share theirs.
/// </summary>
internal sealed class CopyRows : IAsyncDisposable
{
    // Signature, flags and the length of an extension that PostgreSQL does not use.
    private const int HeaderBytes = 19;
    private const short EndOfRows = -1;
    private const int CountBytes = sizeof(short);
    private const int LengthBytes = sizeof(int);

    private readonly Stream _stream;
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    private CopyRows(Stream stream) => _stream = stream;

    /// <summary>The row's fields, without their count.</summary>
    public ReadOnlyMemory<byte> Fields { get; private set; }

    public static async Task<CopyRows> OpenAsync(NpgsqlConnection connection, string query, CancellationToken cancellationToken)
    {
        CopyRows rows = new(await connection.BeginRawBinaryCopyAsync($"COPY ({query}) TO STDOUT (FORMAT BINARY)", cancellationToken));
        await rows.FillAsync(HeaderBytes, cancellationToken);
        rows._start += HeaderBytes;
        return rows;
    }

    /// <returns>False after the last row.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        await FillAsync(CountBytes, cancellationToken);
        short fields = BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(_start));
        if (fields == EndOfRows) return false;

        int length = CountBytes;
        for (int field = 0; field < fields; field++)
        {
            await FillAsync(length + LengthBytes, cancellationToken);
            length += LengthBytes + Math.Max(BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + length)), 0);
        }

        await FillAsync(length, cancellationToken);
        Fields = _buffer.AsMemory(_start + CountBytes, length - CountBytes);
        _start += length;
        return true;
    }

    /// <summary>Takes the first field off; its bytes.</summary>
    public ReadOnlyMemory<byte> TakeField()
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(Fields.Span);
        ReadOnlyMemory<byte> field = Fields.Slice(LengthBytes, length);
        Fields = Fields[(LengthBytes + length)..];
        return field;
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>Has at least so many bytes in the buffer.</summary>
    private async ValueTask FillAsync(int bytes, CancellationToken cancellationToken)
    {
        if (_end - _start >= bytes) return;
        if (_buffer.Length - _start < bytes)
        {
            byte[] target = _buffer.Length >= bytes ? _buffer : new byte[Math.Max(bytes, _buffer.Length * 2)];
            Buffer.BlockCopy(_buffer, _start, target, 0, _end - _start);
            (_buffer, _end, _start) = (target, _end - _start, 0);
        }

        _end += await _stream.ReadAtLeastAsync(
            _buffer.AsMemory(_end), bytes - (_end - _start), throwOnEndOfStream: true, cancellationToken);
    }
}
