using System.Text;
using Claims.Cli.Operations;
using Claims.Cli.Reconciliation;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class FacilityFileTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-facility-file-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Csv_is_read_by_its_header_in_whatever_order_with_the_lines_of_the_file()
    {
        List<FacilityLine> lines = await ReadAsync("books.csv", """
            insured_id,kind,request_id,total_fen,fund_pay_fen,settled_on,visit_type
            P1,settle,R1,12000,3300,2025-06-18,PRENATAL_CHECK
            "P,2",cancel,R2,-12000,-3300,,
            """);

        Assert.Equal(
        [
            new FacilityLine
            {
                LineNumber = 2,
                Kind = FacilityLine.Types.Kind.Settle,
                InsuredId = "P1",
                RequestId = "R1",
                TotalFen = 12_000,
                FundPayFen = 3_300,
                SettledOn = "2025-06-18",
                VisitType = VisitType.PrenatalCheck,
            },
            new FacilityLine
            {
                LineNumber = 3,
                Kind = FacilityLine.Types.Kind.Cancel,
                InsuredId = "P,2",
                RequestId = "R2",
                TotalFen = -12_000,
                FundPayFen = -3_300,
            },
        ], lines);
    }

    [Fact]
    public async Task Every_column_of_a_csv_file_is_read_into_its_own_field()
    {
        FacilityLine line = Assert.Single(await ReadAsync("books.CSV",
            FacilityFile.CsvHeader + "\ncancel,S2,R2,R1,P1,2025-06-17,2025-06-18,-12000,-3300,H1,DELIVERY_CAESAREAN\n"));

        Assert.Equal(
            new FacilityLine
            {
                LineNumber = 2,
                Kind = FacilityLine.Types.Kind.Cancel,
                SettlementId = "S2",
                RequestId = "R2",
                OriginalRequestId = "R1",
                InsuredId = "P1",
                VisitDate = "2025-06-17",
                SettledOn = "2025-06-18",
                TotalFen = -12_000,
                FundPayFen = -3_300,
                FacilityCode = "H1",
                VisitType = VisitType.DeliveryCaesarean,
            },
            line);
    }

    [Fact]
    public async Task Json_line_of_the_books_is_read_as_it_stands_and_listed_twice_stays_twice()
    {
        const string Line = """
            {"kind":"SETTLE","settlementId":"S1","requestId":"R1","insuredId":"P1","visitDate":"2025-06-17","totalFen":"12000"}
            """;

        List<FacilityLine> lines = await ReadAsync("books.jsonl", $"{Line}\n\n{Line}\n");

        FacilityLine first = new()
        {
            LineNumber = 1,
            Kind = FacilityLine.Types.Kind.Settle,
            SettlementId = "S1",
            RequestId = "R1",
            InsuredId = "P1",
            VisitDate = "2025-06-17",
            TotalFen = 12_000,
        };
        Assert.Equal([first, new FacilityLine(first) { LineNumber = 3 }], lines);
    }

    [Theory]
    [InlineData("", "line 1: the header is missing")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,surname", "line 1: the column \"surname\" is none of")]
    [InlineData("kind,insured_id,total_fen,request_id", "line 1: the column fund_pay_fen is missing")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen", "line 1: neither request_id nor settlement_id is a column")]
    [InlineData("kind,kind,insured_id,total_fen,fund_pay_fen,request_id", "line 1: a column stands twice")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id\nsettle,P1,1,1,R1\nsettle,P1,1,1",
        "line 3: the row has 4 fields, but the header has 5")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id\nrefund,P1,1,1,R1", "line 2: kind is neither settle nor cancel")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id\nsettle,P1,12.00,1,R1",
        "line 2: total_fen is not a whole number of fen")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id\nsettle,P1,12,1e3,R1",
        "line 2: fund_pay_fen is not a whole number of fen")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id,visit_type\nsettle,P1,1,1,R1,门诊",
        "line 2: visit_type is none of ORDINARY, PRENATAL_CHECK, DELIVERY_NATURAL, DELIVERY_CAESAREAN")]
    [InlineData("kind,insured_id,total_fen,fund_pay_fen,request_id\nsettle,P1,1,1,\"R1",
        "line 2: the quoted field that begins here has no end")]
    public async Task Bad_line_of_a_csv_file_is_named(string csv, string fault)
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => ReadAsync("books.csv", csv));

        Assert.StartsWith($"books.csv {fault}", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("; nothing was reconciled.", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"kind\":\"SETTLE\",\"insuredId\":\"P1\",\"requestId\":\"R1\",\"totalFen\":1,\"fundPayFen\":1}\n{\"kind\":", "line 2: ")]
    [InlineData("[]", "line 1: is not a JSON object")]
    [InlineData("{\"kind\":\"SETTLE\",\"surname\":\"x\"}", "line 1: Unknown field: surname")]
    [InlineData("{\"kind\":\"SETTLE\",\"totalFen\":\"50.00\"}",
        "line 1: field totalFen is \"50.00\", but amounts are whole fen, digits and a sign alone")]
    [InlineData("{\"settle\":{\"decision\":\"SETTLED\",\"fundPayFen\":5e3}}", "line 1: field fundPayFen is 5e3, but amounts are whole fen")]
    [InlineData("{\"reverse\":{\"mirror\":{\"totalFen\":50.0}}}", "line 1: field mirror.totalFen is 50.0, but amounts are whole fen")]
    [InlineData("{\"refund\":{}}", "line 1: the key \"refund\" is that of no answer")]
    public async Task Bad_line_of_a_json_file_is_named(string json, string fault)
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => ReadAsync("books.jsonl", json));

        Assert.StartsWith($"books.jsonl {fault}", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_of_send_are_the_books_of_whoever_sent()
    {
        SettleReply settled = Reply(Decision.Settled, "S1", "R1");
        SettleReply lost = Reply(Decision.Settled, "S2", "R2");
        lost.Replayed = true;
        SettleReply cancelled = Reply(Decision.Cancelled, "C1", "R3");
        cancelled.OriginalRequestId = "R1";
        (cancelled.TotalFen, cancelled.FundPayFen) = (-12_000, -3_300);
        SettleReply again = settled.Clone();
        again.Replayed = true;
        string[] answers =
        [
            AnswerJson.Line("settle", settled),
            AnswerJson.Line("settle", again),
            AnswerJson.Line("settle", lost),
            AnswerJson.Line("settle", Reply(Decision.Refused, "", "R9")),
            AnswerJson.Line("preSettle", Reply(Decision.Quoted, "", "R8")),
            AnswerJson.ErrorLine("settle", "UNAVAILABLE", "nothing is known"),
            AnswerJson.Line("cancel", cancelled),
            AnswerJson.Line("reverse", new ReverseReply { Outcome = ReverseReply.Types.Outcome.CancellationUndone, Mirror = settled }),
            AnswerJson.Line("reverse", new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo }),
            "",
        ];

        List<FacilityLine> lines = await ReadAsync("answers.jsonl", string.Join('\n', answers));

        Assert.Equal(
        [
            (1L, FacilityLine.Types.Kind.Settle, "S1", "R1", "", 3_300L),
            (3L, FacilityLine.Types.Kind.Settle, "S2", "R2", "", 3_300L),
            (7L, FacilityLine.Types.Kind.Cancel, "C1", "R3", "R1", -3_300L),
            (8L, FacilityLine.Types.Kind.Settle, "S1", "R1", "", 3_300L),
        ], lines.Select(line => (line.LineNumber, line.Kind, line.SettlementId, line.RequestId, line.OriginalRequestId, line.FundPayFen)));
        Assert.All(lines, line => Assert.Equal(
            ("H1", "P1", VisitType.DeliveryNatural), (line.FacilityCode, line.InsuredId, line.VisitType)));
        Assert.Equal([12_000, 12_000, -12_000, 12_000], lines.Select(line => line.TotalFen));
    }

    private static SettleReply Reply(Decision decision, string settlementId, string requestId) => new()
    {
        Decision = decision,
        SettlementId = settlementId,
        RequestId = requestId,
        FacilityCode = "H1",
        InsuredId = "P1",
        VisitType = VisitType.DeliveryNatural,
        TotalFen = 12_000,
        FundPayFen = 3_300,
    };

    private async Task<List<FacilityLine>> ReadAsync(string name, string text)
    {
        FileInfo file = new(Path.Combine(_directory.FullName, name));
        await File.WriteAllTextAsync(file.FullName, text, Encoding.UTF8);
        List<FacilityLine> lines = [];
        await foreach (FacilityLine line in FacilityFile.ReadAsync(file, CancellationToken.None)) lines.Add(line);
        return lines;
    }
}
