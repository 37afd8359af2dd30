using System.Text;
using Claims.Cli.Operations;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class OperationFileTests
{
    private const string Settle = """{"settle": {"requestId": "G1", "facilityCode": "H1", "insuredId": "P1", "visitDate": "2024-03-05", "visitType": "ORDINARY", "totalFen": 10000, "inScopeFen": "10000"}}""";

    [Fact]
    public void Every_key_is_read_with_its_request()
    {
        IReadOnlyList<Operation> operations = Read(
            Settle,
            """{"preSettle": {"insuredId": "P2"}}""",
            """{"cancel": {"insuredId": "P3", "settlementId": "S1"}}""",
            """{"reverse": {"insuredId": "P4", "originalRequestId": "G1"}}""",
            "",
            """{"getSettlement": {"insuredId": "P5", "requestId": "G1"}}""",
            """{"getAccumulators": {"insuredId": "P6", "year": 2024}}""");

        Assert.Equal(["P1", "P2", "P3", "P4", "P5", "P6"], operations.Select(operation => operation.InsuredId));
        Assert.Equal([1, 2, 3, 4, 6, 7], operations.Select(operation => operation.Line));
        SettleRequest settle = Assert.IsType<SettleRequest>(operations[0].Request);
        Assert.Equal((10000, 10000, VisitType.Ordinary), (settle.TotalFen, settle.InScopeFen, settle.VisitType));
        Assert.IsType<GetAccumulatorsRequest>(operations[5].Request);
    }

    [Theory]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("9007199254740993", 9007199254740993)]
    public void Amount_beyond_a_double_is_read_to_the_fen(string digits, long totalFen)
    {
        Operation operation = Assert.Single(Read($$"""{"settle": {"insuredId": "P1", "totalFen": {{digits}} } }"""));

        Assert.Equal(totalFen, Assert.IsType<SettleRequest>(operation.Request).TotalFen);
    }

    [Theory]
    [InlineData("""{"settle": {"requestId": }""", "ops.jsonl line 2: '}' is an invalid start of a value")]
    [InlineData("""{"settle": {"requestId": "G1"}""", "ops.jsonl line 2: ")]
    [InlineData("""{"settle": {"totalFenn": 1}}""", "ops.jsonl line 2: Unknown field: totalFenn")]
    [InlineData("""{"settle": {"totalFen": "many"}}""", "ops.jsonl line 2: ")]
    [InlineData("""{"settle": {"visitType": "HOUSE_CALL"}}""", "ops.jsonl line 2: Invalid enum value: HOUSE_CALL")]
    [InlineData("""{"settle": {"totalFen": 1.5}}""", "ops.jsonl line 2: ")]
    [InlineData("""{"settle": 5}""", "ops.jsonl line 2: ")]
    [InlineData("""{"pay": {}}""", "ops.jsonl line 2: the key \"pay\" is none of settle, preSettle, cancel")]
    [InlineData("""{"settle": {}, "cancel": {}}""", "ops.jsonl line 2: an operation has one key, this line has 2")]
    [InlineData("""{}""", "ops.jsonl line 2: an operation has one key, this line has 0")]
    [InlineData("""[]""", "ops.jsonl line 2: an operation is an object of one key")]
    public void Wrong_line_is_named_in_one_sentence(string line, string expected)
    {
        CommandException e = Assert.Throws<CommandException>(() => Read(Settle, line, Settle));

        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        Assert.EndsWith("; nothing was sent.", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.Equal(ExitCodes.Failed, e.ExitCode);
    }

    [Theory]
    [InlineData("\"50.00\"")]
    [InlineData("50.00")]
    [InlineData("50.0")]
    [InlineData("\"5e3\"")]
    [InlineData("5e3")]
    [InlineData("\"+50\"")]
    [InlineData("\" 50\"")]
    public void Amount_that_is_not_digits_alone_is_refused_by_the_name_that_was_written(string value)
    {
        Assert.Equal($"ops.jsonl line 2: field totalFen is {value}, but amounts are whole fen, digits and a sign alone; nothing was sent.",
            Refused($$$"""{"settle":{"totalFen":{{{value}}}}}"""));
        Assert.Equal($"ops.jsonl line 2: field lines[1].amount_fen is {value}, but amounts are whole fen, digits and a sign alone; nothing "
            + $"was sent.", Refused($$$"""{"preSettle":{"lines":[{},{"amount_fen":{{{value}}}}]}}"""));
        Assert.Equal($"ops.jsonl line 2: field year is {value}, but it takes digits and a sign alone; nothing was sent.",
            Refused($$$"""{"getAccumulators":{"year":{{{value}}}}}"""));

        static string Refused(string line) => Assert.Throws<CommandException>(() => Read(Settle, line)).Message;
    }

    [Theory]
    [InlineData("\"50\"", 50)]
    [InlineData("50", 50)]
    [InlineData("\"-1\"", -1)]
    [InlineData("-1", -1)]
    public void Amount_of_digits_and_a_sign_is_read_in_either_form(string value, long totalFen) =>
        Assert.Equal(new SettleRequest { TotalFen = totalFen }, Assert.Single(Read($$$"""{"settle":{"totalFen":{{{value}}}}}""")).Request);

    [Fact]
    public void File_that_is_not_utf8_is_refused()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [.. Encoding.UTF8.GetBytes(Settle), (byte)'\n', 0xC3, 0x28, (byte)'\n']);

            CommandException e = Assert.Throws<CommandException>(() => OperationFile.Read(new FileInfo(path)));

            Assert.Contains("not UTF-8", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IReadOnlyList<Operation> Read(params string[] lines) =>
        OperationFile.Read(new StringReader(string.Join('\n', lines)), "ops.jsonl");
}
