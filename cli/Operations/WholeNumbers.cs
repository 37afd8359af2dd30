using System.Text.Json;
using Claims.Hosting;
using Google.Protobuf.Reflection;

namespace Claims.Cli.Operations;

/// <summary>The integers of a message in proto3 JSON, before the protobuf parser rounds off what was no whole number.</summary>
public static class WholeNumbers
{
    /// <exception cref="FormatException">An integer is written otherwise than as digits and a sign; the message names the field as it
    /// stands there.</exception>
    public static void Check(JsonElement json, MessageDescriptor message)
    {
        ArgumentNullException.ThrowIfNull(message);
        Check(json, message, "");
    }

    private static void Check(JsonElement json, MessageDescriptor message, string path)
    {
        // What has another shape, or is no field, is the parser's to refuse.
        if (json.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (message.Fields.InDeclarationOrder()
                .FirstOrDefault(field => field.JsonName == property.Name || field.Name == property.Name) is not { } field) continue;
            string at = path + property.Name;
            if (field.FieldType is FieldType.Int32 or FieldType.Int64) CheckInteger(property.Value, field, at);
            if (field.FieldType != FieldType.Message) continue;
            if (property.Value.ValueKind != JsonValueKind.Array)
            {
                Check(property.Value, field.MessageType, $"{at}.");
                continue;
            }

            int index = 0;
            foreach (JsonElement item in property.Value.EnumerateArray()) Check(item, field.MessageType, $"{at}[{index++}].");
        }
    }

    private static void CheckInteger(JsonElement value, FieldDescriptor field, string at)
    {
        if (value.ValueKind is not (JsonValueKind.Number or JsonValueKind.String) || WholeNumber.IsWritten(value)) return;
        string whole = field.Name.EndsWith("_fen", StringComparison.Ordinal)
            ? "amounts are whole fen, digits and a sign alone"
            : "it takes digits and a sign alone";
        throw new FormatException($"field {at} is {value.GetRawText()}, but {whole}");
    }
}
