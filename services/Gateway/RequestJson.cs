using System.Globalization;
using System.Text;
using System.Text.Json;
using Claims.Hosting;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.Gateway;

/// <summary>
/// A request of the contract from proto3 JSON. Protobuf's own parser takes the last of two equal fields, rounds long numbers, reads "50.00"
/// as 50, and does not say which value is wrong: those are looked for here.
/// </summary>
internal static class RequestJson
{
    // The parser reads a number without quotes as a double, which rounds one of more digits.
    private const int MaxDigits = 15;

    // The contract's requests are three deep.
    private const int MaxDepth = 8;

    // An answer repeats so much of a name.
    private const int MaxNameCharacters = 40;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>The request, or a Chinese sentence that says what is wrong and names field or position.</returns>
    public static (TRequest? Request, string? Fault) Read<TRequest>(byte[] body) where TRequest : class, IMessage, new()
    {
        try
        {
            string text = Utf8.GetString(body);
            using JsonDocument document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxDepth });
            MessageDescriptor message = new TRequest().Descriptor;
            if (WrongField(document.RootElement, message, "") is { } wrong) return (null, wrong);
            return TryParse(text, message) is { } request
                ? ((TRequest)request, null)
                : (null, WrongValue(document.RootElement, message, "") ?? "请求正文不符合接口约定。");
        }
        catch (DecoderFallbackException e)
        {
            return (null, string.Create(CultureInfo.InvariantCulture, $"请求正文不是 UTF-8 编码：第 {e.Index + 1} 字节处有误。"));
        }
        catch (JsonException e)
        {
            return (null, string.Create(CultureInfo.InvariantCulture,
                $"请求正文不是有效的 JSON：第 {e.LineNumber + 1} 行第 {e.BytePositionInLine + 1} 字节处有误。"));
        }
        catch (InvalidOperationException)
        {
            // A name with half of a surrogate pair in it, as an escape.
            return (null, "请求正文中有字段名不是有效的文字。");
        }
    }

    /// <summary>The first field that is unknown, stands twice, excludes another, or has the wrong shape.</summary>
    private static string? WrongField(JsonElement json, MessageDescriptor message, string path)
    {
        if (json.ValueKind != JsonValueKind.Object) return path.Length == 0 ? "请求正文应为一个 JSON 对象。" : $"请求字段 {path} 应为对象。";
        HashSet<FieldDescriptor> seen = [];
        foreach (JsonProperty property in json.EnumerateObject())
        {
            string at = At(path, property.Name);
            if (FieldOf(message, property.Name) is not { } field) return $"请求字段 {at} 不是本接口的字段，请核对字段名。";
            if (!seen.Add(field)) return $"请求字段 {at} 重复出现，请只保留一个。";
            if (field.RealContainingOneof?.Fields.FirstOrDefault(other => other != field && seen.Contains(other)) is { } other)
                return $"请求字段 {at} 与 {At(path, other.JsonName)} 只能填写一个。";
            if (WrongShape(property.Value, field, at) is { } wrong) return wrong;
        }

        return null;
    }

    private static string? WrongShape(JsonElement value, FieldDescriptor field, string at)
    {
        switch (value.ValueKind)
        {
            // As if it were not there.
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.Number or JsonValueKind.String when IsInteger(field, value) && !WholeNumber.IsWritten(value):
                return WrongValue(field, at);
            case JsonValueKind.Number when value.GetRawText().Length > MaxDigits:
                return $"请求字段 {at} 的数字超过 {MaxDigits} 位，请加引号写成字符串。";
        }

        if (field.FieldType != FieldType.Message) return null;
        if (!field.IsRepeated) return WrongField(value, field.MessageType, at);
        if (value.ValueKind != JsonValueKind.Array) return $"请求字段 {at} 应为数组。";
        return value.EnumerateArray().Select((item, index) => WrongField(item, field.MessageType, At(at, index)))
            .FirstOrDefault(wrong => wrong is not null);
    }

    /// <summary>The first field whose value the parser does not take by itself.</summary>
    private static string? WrongValue(JsonElement json, MessageDescriptor message, string path)
    {
        foreach (JsonProperty property in json.EnumerateObject())
        {
            FieldDescriptor field = FieldOf(message, property.Name)!;
            if (TryParse($$"""{"{{field.JsonName}}":{{property.Value.GetRawText()}}}""", message) is not null) continue;
            string at = At(path, property.Name);
            if (field.FieldType != FieldType.Message) return WrongValue(field, at);
            return field.IsRepeated
                ? property.Value.EnumerateArray().Select((item, index) => WrongValue(item, field.MessageType, At(at, index)))
                    .FirstOrDefault(wrong => wrong is not null)
                : WrongValue(property.Value, field.MessageType, at);
        }

        return null;
    }

    private static string WrongValue(FieldDescriptor field, string at) => $"请求字段 {at} 的值有误，应为{Expected(field)}。";

    // A value of an enum may be given by its number.
    private static bool IsInteger(FieldDescriptor field, JsonElement value) => field.FieldType switch
    {
        FieldType.Int32 or FieldType.Int64 => true,
        FieldType.Enum => value.ValueKind == JsonValueKind.Number,
        _ => false,
    };

    private static IMessage? TryParse(string json, MessageDescriptor message)
    {
        try
        {
            return JsonParser.Default.Parse(json, message);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
        {
            return null;
        }
    }

    private static string Expected(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Int32 => "整数",
        FieldType.Int64 => field.Name.EndsWith("_fen", StringComparison.Ordinal) ? "整数，单位为分，不带小数" : "整数",
        FieldType.Enum => $"以下之一：{string.Join('、', field.EnumType.Values.Where(value => value.Number != 0).Select(value => value.Name))}",
        _ => "字符串",
    };

    // proto3 JSON takes either name.
    private static FieldDescriptor? FieldOf(MessageDescriptor message, string name) =>
        message.Fields.InDeclarationOrder().FirstOrDefault(field => field.JsonName == name || field.Name == name);

    private static string At(string path, string name)
    {
        string shown = name.Length <= MaxNameCharacters ? name : $"{name[..MaxNameCharacters]}…";
        return path.Length == 0 ? shown : $"{path}.{shown}";
    }

    private static string At(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");
}
