using System.Text;
using System.Text.Json;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Cli.Operations;

/// <summary>One line of an operations file.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Key">settle, preSettle, cancel, reverse, getSettlement or getAccumulators; the answer stands under the same key.</param>
public sealed record Operation(int Line, string Key, string InsuredId, IMessage Request);

/// <summary>JSON lines, each an object of one key over a request of the contract in proto3 JSON.</summary>
public static class OperationFile
{
    // An operation with a thousand fee lines is some 150 kB; what is longer is not an operations file.
    private const int MaxLineCharacters = 4 * 1024 * 1024;

    /// <summary>The whole file, checked. Empty lines are passed over.</summary>
    /// <exception cref="CommandException">A line is wrong; the message names it and says what is wrong.</exception>
    public static IReadOnlyList<Operation> Read(TextReader reader, string name)
    {
        List<Operation> operations = [];
        int number = 0;
        try
        {
            while (reader.ReadLine() is { } line)
            {
                number++;
                if (line.Length > MaxLineCharacters)
                    throw new FormatException($"the line is longer than {MaxLineCharacters} characters");
                if (!string.IsNullOrWhiteSpace(line))
                    operations.Add(Parse(number, line));
            }
        }
        catch (DecoderFallbackException e)
        {
            throw new CommandException($"{name}: the file is not UTF-8 text somewhere after line {number}; nothing was sent.", e);
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidProtocolBufferException or InvalidJsonException)
        {
            throw new CommandException($"{name} line {number}: {FirstSentence(e.Message)}; nothing was sent.", e);
        }
        return operations;
    }

    /// <inheritdoc cref="Read(TextReader, string)"/>
    public static IReadOnlyList<Operation> Read(FileInfo file)
    {
        using StreamReader reader = new(file.FullName, new UTF8Encoding(false, throwOnInvalidBytes: true));
        return Read(reader, file.Name);
    }

    private static Operation Parse(int number, string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new FormatException("an operation is an object of one key, such as {\"settle\": {…}}");
        JsonProperty[] properties = [.. document.RootElement.EnumerateObject()];
        if (properties.Length != 1)
            throw new FormatException($"an operation has one key, this line has {properties.Length}");
        JsonProperty property = properties[0];
        return property.Name switch
        {
            "settle" or "preSettle" => Of<SettleRequest>(request => request.InsuredId),
            "cancel" => Of<CancelRequest>(request => request.InsuredId),
            "reverse" => Of<ReverseRequest>(request => request.InsuredId),
            "getSettlement" => Of<GetSettlementRequest>(request => request.InsuredId),
            "getAccumulators" => Of<GetAccumulatorsRequest>(request => request.InsuredId),
            _ => throw new FormatException(
                $"the key \"{property.Name}\" is none of settle, preSettle, cancel, reverse, getSettlement, getAccumulators"),
        };

        Operation Of<TRequest>(Func<TRequest, string> insured)
            where TRequest : IMessage, new()
        {
            WholeNumbers.Check(property.Value, new TRequest().Descriptor);
            TRequest request = JsonParser.Default.Parse<TRequest>(ExactIntegers(property.Value));
            return new Operation(number, property.Name, insured(request), request);
        }
    }

    /// <summary>The same JSON with integers beyond 15 digits as strings: the protobuf parser reads a bare number as a double.</summary>
    private static string ExactIntegers(JsonElement element)
    {
        using MemoryStream buffer = new();
        using Utf8JsonWriter writer = new(buffer);
        Write(element);
        writer.Flush();
        return Encoding.UTF8.GetString(buffer.ToArray());

        void Write(JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    writer.WriteStartObject();
                    foreach (JsonProperty property in value.EnumerateObject())
                    {
                        writer.WritePropertyName(property.Name);
                        Write(property.Value);
                    }

                    writer.WriteEndObject();
                    break;
                case JsonValueKind.Array:
                    writer.WriteStartArray();
                    foreach (JsonElement item in value.EnumerateArray()) Write(item);
                    writer.WriteEndArray();
                    break;
                case JsonValueKind.Number when value.GetRawText() is { Length: > 15 } digits
                    && digits.All(digit => digit == '-' || char.IsAsciiDigit(digit)):
                    writer.WriteStringValue(digits);
                    break;
                default:
                    value.WriteTo(writer);
                    break;
            }
        }
    }

    // System.Text.Json adds the position within the line as a second sentence, protobuf adds advice.
    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(". ", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.');
    }
}
