using System.Buffers;
using System.Text;

namespace Claims.Hosting;

/// <summary>Rows of an RFC 4180 file that arrives in pieces cut anywhere, in memory that does not grow with the file.</summary>
/// <remarks>UTF-8, with or without a byte order mark; lines end with LF or CR LF, the last may have no end.</remarks>
/// <param name="nextPiece">The next piece of the file, empty at its end.</param>
public sealed class CsvReader(Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> nextPiece)
{
    public const int MaxFieldBytes = 1024;
    private const int MaxFields = 64;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> field = new(MaxFieldBytes);
    private readonly List<string> fields = [];
    private ReadOnlyMemory<byte> piece;
    private State state = State.RowStart;
    private long line = 1;
    private long quoteLine;
    private bool anythingRead;

    private enum State
    {
        RowStart,
        FieldStart,
        Plain,
        Quoted,
        QuoteInQuoted,
        CarriageReturn,
    }

    /// <summary>The fields of the row just read; the next read replaces them.</summary>
    public IReadOnlyList<string> Fields => fields;

    /// <summary>Where the row just read begins.</summary>
    public long Line { get; private set; }

    /// <returns>False at the end of the file.</returns>
    /// <exception cref="ImportFaultException">The bytes are not a CSV file in UTF-8.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        fields.Clear();
        Line = line;
        while (true)
        {
            if (piece.IsEmpty)
            {
                piece = await nextPiece(cancellationToken);
                if (piece.IsEmpty) return End();
                if (!anythingRead) await SkipByteOrderMarkAsync(cancellationToken);
            }

            if (Advance()) return true;
        }
    }

    // A byte order mark may be cut in two, so three bytes are put together before they are compared.
    private async ValueTask SkipByteOrderMarkAsync(CancellationToken cancellationToken)
    {
        anythingRead = true;
        while (piece.Length < 3)
        {
            ReadOnlyMemory<byte> more = await nextPiece(cancellationToken);
            if (more.IsEmpty) break;
            piece = (byte[])[.. piece.Span, .. more.Span];
        }

        if (piece.Span.StartsWith("\uFEFF"u8)) piece = piece[3..];
    }

    private bool End()
    {
        switch (state)
        {
            case State.RowStart:
                return false;
            case State.Quoted:
                throw new ImportFaultException(quoteLine, "", "the quoted field that begins here has no end");
            case State.CarriageReturn:
                throw new ImportFaultException(line, "", "a carriage return without a line feed");
            default:
                EndField();
                state = State.RowStart;
                return true;
        }
    }

    private bool Advance()
    {
        ReadOnlySpan<byte> bytes = piece.Span;
        for (int index = 0; index < bytes.Length; index++)
        {
            byte value = bytes[index];
            switch (state)
            {
                case State.RowStart or State.FieldStart when value == '"':
                    state = State.Quoted;
                    quoteLine = line;
                    break;
                case State.Quoted when value == '"':
                    state = State.QuoteInQuoted;
                    break;
                case State.Quoted:
                    if (value == '\n') line++;
                    Keep(value);
                    break;
                case State.QuoteInQuoted when value == '"':
                    Keep(value);
                    state = State.Quoted;
                    break;
                case State.CarriageReturn when value != '\n':
                    throw new ImportFaultException(line, "", "a carriage return without a line feed");
                case State.CarriageReturn:
                case State.RowStart or State.FieldStart or State.Plain or State.QuoteInQuoted when value == '\n':
                    EndField();
                    line++;
                    state = State.RowStart;
                    piece = piece[(index + 1)..];
                    return true;
                case State.RowStart or State.FieldStart or State.Plain or State.QuoteInQuoted when value == '\r':
                    state = State.CarriageReturn;
                    break;
                case State.RowStart or State.FieldStart or State.Plain or State.QuoteInQuoted when value == ',':
                    EndField();
                    state = State.FieldStart;
                    break;
                case State.QuoteInQuoted:
                    throw new ImportFaultException(line, "", "a quoted field goes on after its closing quote");
                case State.Plain when value == '"':
                    throw new ImportFaultException(line, "", "a quote inside a field that does not begin with one");
                default:
                    Keep(value);
                    state = State.Plain;
                    break;
            }
        }

        piece = default;
        return false;
    }

    private void Keep(byte value)
    {
        if (field.WrittenCount == MaxFieldBytes)
        {
            throw new ImportFaultException(state == State.Quoted ? quoteLine : line, "",
                $"a field is longer than {MaxFieldBytes} bytes{(state == State.Quoted ? "; is its closing quote missing?" : "")}");
        }

        field.GetSpan(1)[0] = value;
        field.Advance(1);
    }

    private void EndField()
    {
        if (fields.Count == MaxFields) throw new ImportFaultException(line, "", $"the row has more than {MaxFields} fields");
        try
        {
            fields.Add(StrictUtf8.GetString(field.WrittenSpan));
        }
        catch (DecoderFallbackException)
        {
            throw new ImportFaultException(line, "", $"field {fields.Count + 1} is not UTF-8");
        }

        field.ResetWrittenCount();
    }
}
