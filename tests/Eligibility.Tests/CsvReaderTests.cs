using System.Text;
using Claims.Eligibility.Import;
using Claims.Hosting;

namespace Claims.Eligibility.Tests;

public sealed class CsvReaderTests
{
    [Theory]
    [InlineData("a,b\nc,d\n", "1:a|b 2:c|d")]
    [InlineData("a,b\r\nc,d\r\n", "1:a|b 2:c|d")]
    [InlineData("a,b\nc,d", "1:a|b 2:c|d")]
    [InlineData("a,b\nc,", "1:a|b 2:c|")]
    [InlineData("a,b\nc,\"\"", "1:a|b 2:c|")]
    [InlineData("\"a\",\"b\"\r\nc,\r\n\r\n", "1:a|b 2:c| 3:")]
    [InlineData("\uFEFFa,b\n", "1:a|b")]
    [InlineData("a,\n,b\n,\n", "1:a| 2:|b 3:|")]
    [InlineData("\"a,\"\"x\"\"\",b\n", "1:a,\"x\"|b")]
    [InlineData("\"a\nb\",c\nd,e\n", "1:a\nb|c 3:d|e")]
    [InlineData("\"\",\"\"\n", "1:|")]
    [InlineData("张三,李四\n", "1:张三|李四")]
    [InlineData("a,b\n\nc,d\n", "1:a|b 2: 3:c|d")]
    [InlineData("", "")]
    public async Task Rows_are_read_the_same_wherever_the_pieces_are_cut(string file, string expected)
    {
        for (int pieceBytes = 1; pieceBytes <= 8; pieceBytes++)
        {
            Assert.Equal(expected, await ReadAllAsync(Encoding.UTF8.GetBytes(file), pieceBytes));
        }
    }

    [Theory]
    [InlineData("a,b\nc,\"d\n", 2, "has no end")]
    [InlineData("a,b\n\"c\"x,d\n", 2, "after its closing quote")]
    [InlineData("a,b\nc\"x,d\n", 2, "does not begin with one")]
    [InlineData("a,b\rc,d\n", 1, "carriage return")]
    [InlineData("a,b\nc,d\r", 2, "carriage return")]
    public async Task Broken_quoting_or_line_end_is_named_by_line(string file, long line, string message)
    {
        for (int pieceBytes = 1; pieceBytes <= 8; pieceBytes++)
        {
            ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
                () => ReadAllAsync(Encoding.UTF8.GetBytes(file), pieceBytes));
            Assert.Equal(line, fault.Line);
            Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF8_are_named_by_line_and_field()
    {
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(
            () => ReadAllAsync([.. "a,b\nc,"u8, 0xD5, 0xC5, (byte)'\n'], 3));
        Assert.Equal((2, "field 2 is not UTF-8"), (fault.Line, fault.Message));
    }

    [Fact]
    public async Task Field_without_end_does_not_grow_memory()
    {
        string file = "a,b\n\"" + new string('x', CsvReader.MaxFieldBytes + 1);
        ImportFaultException fault = await Assert.ThrowsAsync<ImportFaultException>(() => ReadAllAsync(Encoding.UTF8.GetBytes(file), 100));
        Assert.Equal(2, fault.Line);
        Assert.Contains("closing quote", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CsvReader.MaxFieldBytes, false)]
    [InlineData(CsvReader.MaxFieldBytes + 1, true)]
    public async Task Field_has_at_most_a_thousand_and_twenty_four_bytes_with_or_without_quotes(int length, bool tooLong)
    {
        string field = new('x', length);
        foreach (string file in new[] { $"a,b\nc,{field}\n", $"a,b\nc,\"{field}\"\n" })
        {
            Exception? fault = await Record.ExceptionAsync(() => ReadAllAsync(Encoding.UTF8.GetBytes(file), 100));
            Assert.Equal(tooLong ? 2 : null, (fault as ImportFaultException)?.Line);
        }
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(65, true)]
    public async Task Row_has_at_most_sixty_four_fields(int fields, bool tooMany)
    {
        Exception? fault = await Record.ExceptionAsync(
            () => ReadAllAsync(Encoding.UTF8.GetBytes($"a\n{new string(',', fields - 1)}\n"), 100));
        Assert.Equal(tooMany ? (2, "the row has more than 64 fields") : (null, null),
            ((fault as ImportFaultException)?.Line, fault?.Message));
    }

    private static async Task<string> ReadAllAsync(byte[] file, int pieceBytes)
    {
        int read = 0;
        CsvReader reader = new(_ =>
        {
            int length = Math.Min(pieceBytes, file.Length - read);
            ReadOnlyMemory<byte> piece = file.AsMemory(read, length);
            read += length;
            return ValueTask.FromResult(piece);
        });
        List<string> rows = [];
        while (await reader.ReadAsync(CancellationToken.None)) rows.Add($"{reader.Line}:{string.Join('|', reader.Fields)}");
        return string.Join(' ', rows);
    }
}
