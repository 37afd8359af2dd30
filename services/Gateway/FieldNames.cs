using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.Gateway;

/// <summary>
/// Adjudication names a field in a refusal as the contract does, total_fen; a clinic is told it as its request has it, totalFen or
/// total_fen. A field that the request does not have is named in the manner of those that it has.
/// </summary>
internal static partial class FieldNames
{
    /// <param name="reply">Its reason_text is changed.</param>
    /// <param name="body">The request as it came in: sound JSON of <paramref name="request"/>.</param>
    public static void TellAsWritten(IMessage reply, byte[] body, MessageDescriptor request)
    {
        if (reply.Descriptor.FindFieldByName("reason_text")?.Accessor is not { } reasonText) return;
        string text = (string)reasonText.GetValue(reply);
        if (text.StartsWith("请求字段 ", StringComparison.Ordinal)) reasonText.SetValue(reply, AsWritten(text, body, request));
    }

    /// <returns>The sentence with the names of fields as the request has them.</returns>
    public static string AsWritten(string text, byte[] body, MessageDescriptor request)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        HashSet<string> written = [];
        AddNames(document.RootElement, written);
        bool asContract = written.Any(name => name.Contains('_', StringComparison.Ordinal));
        Dictionary<string, string> jsonNames = [];
        AddJsonNames(request, jsonNames);
        return Word().Replace(text, found =>
        {
            if (!jsonNames.TryGetValue(found.Value, out string? jsonName) || written.Contains(found.Value)) return found.Value;
            return asContract && !written.Contains(jsonName) ? found.Value : jsonName;
        });
    }

    private static void AddNames(JsonElement json, HashSet<string> names)
    {
        if (json.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in json.EnumerateArray()) AddNames(item, names);
        }
        else if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in json.EnumerateObject())
            {
                names.Add(property.Name);
                AddNames(property.Value, names);
            }
        }
    }

    // The contract's requests do not contain themselves.
    private static void AddJsonNames(MessageDescriptor message, Dictionary<string, string> jsonNames)
    {
        foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
        {
            jsonNames[field.Name] = field.JsonName;
            if (field.FieldType == FieldType.Message) AddJsonNames(field.MessageType, jsonNames);
        }
    }

    // Whole words: an id of the clinic's stands in some of the sentences.
    [GeneratedRegex("[A-Za-z0-9_-]+", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Word();
}
