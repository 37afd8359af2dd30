using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Claims.Cli.Operations;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.Cli.Reconciliation;

/// <summary>
/// A hospital's books: CSV with a header, or JSON lines. A JSON line is a line of the books itself (proto3 JSON of FacilityLine) or an
/// answer as <c>claims send --out</c> writes it: of these, what was settled, cancelled or restored counts.
/// </summary>
public static class FacilityFile
{
    private const int PieceBytes = 64 * 1024;
    private const int MaxLineCharacters = 4 * 1024 * 1024;

    private static readonly string[] Columns =
    [
        "kind", "settlement_id", "request_id", "original_request_id", "insured_id", "visit_date", "settled_on", "total_fen", "fund_pay_fen",
        "facility_code", "visit_type",
    ];

    private static readonly string[] RequiredColumns = ["kind", "insured_id", "total_fen", "fund_pay_fen"];

    // Made with the first line that is read: the first descriptor makes those of the whole contract, 0.1 s of every ledger command.
    private static readonly Lazy<EnumDescriptor> VisitTypes = new(() => FacilityLine.Descriptor.FindFieldByName("visit_type").EnumType);
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);
    private static readonly JsonParser AnswerParser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public static string CsvHeader => string.Join(',', Columns);

    /// <summary>Line by line; line_number is where the line stands in the file, counted from 1.</summary>
    /// <exception cref="CommandException">A line cannot be read; the message names it.</exception>
    public static IAsyncEnumerable<FacilityLine> ReadAsync(FileInfo file, CancellationToken cancellationToken) =>
        file.Extension.Equals(".csv", StringComparison.OrdinalIgnoreCase)
            ? ReadCsvAsync(file, cancellationToken)
            : ReadJsonAsync(file, cancellationToken);

    /// <summary>What an answer says of the hospital's books; null where it changes nothing in them.</summary>
    public static FacilityLine? OfAnswer(SettleReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        if (reply.Decision is not (Decision.Settled or Decision.Cancelled)) return null;
        return new FacilityLine
        {
            Kind = reply.Decision == Decision.Cancelled ? FacilityLine.Types.Kind.Cancel : FacilityLine.Types.Kind.Settle,
            FacilityCode = reply.FacilityCode,
            SettlementId = reply.SettlementId,
            RequestId = reply.RequestId,
            OriginalRequestId = reply.Decision == Decision.Cancelled ? reply.OriginalRequestId : "",
            InsuredId = reply.InsuredId,
            TotalFen = reply.TotalFen,
            FundPayFen = reply.FundPayFen,
            VisitType = reply.VisitType,
        };
    }

    private static async IAsyncEnumerable<FacilityLine> ReadCsvAsync(
        FileInfo file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using FileStream stream = file.OpenRead();
        byte[] piece = new byte[PieceBytes];
        CsvReader reader = new(async cancel => piece.AsMemory(0, await stream.ReadAsync(piece, cancel)));
        string[] columns = [];
        while (await ReadRowAsync(reader, file.Name, cancellationToken))
        {
            if (columns.Length == 0)
            {
                columns = [.. reader.Fields];
                CheckHeader(columns, file.Name);
                continue;
            }

            if (reader.Fields.Count != columns.Length)
                throw Fault(file.Name, reader.Line, $"the row has {reader.Fields.Count} fields, but the header has {columns.Length}");
            FacilityLine line = new() { LineNumber = reader.Line };
            for (int column = 0; column < columns.Length; column++) Set(line, columns[column], reader.Fields[column], file.Name);
            yield return line;
        }

        if (columns.Length == 0) throw Fault(file.Name, 1, "the header is missing");
    }

    private static async Task<bool> ReadRowAsync(CsvReader reader, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(cancellationToken);
        }
        catch (ImportFaultException e)
        {
            throw Fault(name, e.Line, e.Message);
        }
    }

    private static void CheckHeader(string[] columns, string name)
    {
        if (columns.Except(Columns).FirstOrDefault() is { } unknown)
            throw Fault(name, 1, $"the column \"{unknown}\" is none of {CsvHeader}");
        if (columns.Distinct().Count() < columns.Length) throw Fault(name, 1, "a column stands twice in the header");
        if (RequiredColumns.Except(columns).FirstOrDefault() is { } missing) throw Fault(name, 1, $"the column {missing} is missing");
        if (!columns.Contains("request_id") && !columns.Contains("settlement_id"))
            throw Fault(name, 1, "neither request_id nor settlement_id is a column");
    }

    private static void Set(FacilityLine line, string column, string value, string name)
    {
        switch (column)
        {
            case "kind":
                line.Kind = value switch
                {
                    "settle" => FacilityLine.Types.Kind.Settle,
                    "cancel" => FacilityLine.Types.Kind.Cancel,
                    _ => throw Fault(name, line.LineNumber, "kind is neither settle nor cancel"),
                };
                break;
            case "settlement_id": line.SettlementId = value; break;
            case "request_id": line.RequestId = value; break;
            case "original_request_id": line.OriginalRequestId = value; break;
            case "insured_id": line.InsuredId = value; break;
            case "visit_date": line.VisitDate = value; break;
            case "settled_on": line.SettledOn = value; break;
            case "facility_code": line.FacilityCode = value; break;
            case "visit_type": line.VisitType = TypeOf(); break;
            case "total_fen": line.TotalFen = Fen(); break;
            case "fund_pay_fen": line.FundPayFen = Fen(); break;
        }

        VisitType TypeOf() => value.Length == 0 ? VisitType.Unspecified
            : VisitTypes.Value.FindValueByName(value.ToUpperInvariant()) is { Number: not 0 } type ? (VisitType)type.Number
            : throw Fault(name, line.LineNumber,
                $"visit_type is none of {string.Join(", ", VisitTypes.Value.Values.Skip(1).Select(one => one.Name))}");

        long Fen() => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long fen)
            ? fen
            : throw Fault(name, line.LineNumber, $"{column} is not a whole number of fen");
    }

    private static async IAsyncEnumerable<FacilityLine> ReadJsonAsync(
        FileInfo file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using StreamReader reader = new(file.FullName, new UTF8Encoding(false, throwOnInvalidBytes: true));
        // An answer that was given again is the same line of the books. One whose first answer was lost is the first news of it.
        HashSet<string> answered = [];
        for (long number = 1; await ReadLineAsync(reader, file.Name, number, cancellationToken) is { } text; number++)
        {
            if (string.IsNullOrWhiteSpace(text)) continue;
            (FacilityLine? line, bool replayed) = Parse(text, file.Name, number);
            if (line is null) continue;
            bool first = line.SettlementId.Length == 0 || answered.Add($"{line.Kind} {line.SettlementId}");
            if (replayed && !first) continue;
            line.LineNumber = number;
            yield return line;
        }
    }

    private static async Task<string?> ReadLineAsync(StreamReader reader, string name, long number, CancellationToken cancellationToken)
    {
        try
        {
            string? line = await reader.ReadLineAsync(cancellationToken);
            return line?.Length > MaxLineCharacters
                ? throw Fault(name, number, $"the line is longer than {MaxLineCharacters} characters")
                : line;
        }
        catch (DecoderFallbackException)
        {
            throw Fault(name, number, "the file is not UTF-8 text from somewhere here on");
        }
    }

    private static (FacilityLine? Line, bool Replayed) Parse(string text, string name, long number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw Fault(name, number, "is not a JSON object");
            JsonProperty[] properties = [.. document.RootElement.EnumerateObject()];
            if (properties is not [{ Value.ValueKind: JsonValueKind.Object } answer])
            {
                WholeNumbers.Check(document.RootElement, FacilityLine.Descriptor);
                return (Parser.Parse<FacilityLine>(text), false);
            }

            WholeNumbers.Check(answer.Value, answer.Name == "reverse" ? ReverseReply.Descriptor : SettleReply.Descriptor);
            SettleReply? reply = answer.Name switch
            {
                "settle" or "cancel" => AnswerParser.Parse<SettleReply>(answer.Value.GetRawText()),
                "reverse" => AnswerParser.Parse<ReverseReply>(answer.Value.GetRawText()).Mirror,
                "preSettle" or "getSettlement" or "getAccumulators" => null,
                _ => throw Fault(name, number, $"the key \"{answer.Name}\" is that of no answer"),
            };
            return reply is null ? (null, false) : (OfAnswer(reply), reply.Replayed);
        }
        catch (Exception e) when (e is JsonException or InvalidProtocolBufferException or InvalidJsonException or FormatException)
        {
            int end = e.Message.IndexOf(". ", StringComparison.Ordinal);
            throw Fault(name, number, (end < 0 ? e.Message : e.Message[..end]).TrimEnd('.'));
        }
    }

    private static CommandException Fault(string name, long line, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name} line {line}: {what}; nothing was reconciled."));
}
