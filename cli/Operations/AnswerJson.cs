using System.Buffers;
using System.Collections;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.Cli.Operations;

/// <summary>
/// Messages in proto3 JSON's names, with two differences made for people and for plain comparison: int64 is a JSON number,
/// and fields that hold their default are written too. An optional field that is not set stays absent.
/// </summary>
public static class AnswerJson
{
    private static readonly JsonWriterOptions Options = new()
    {
        // Lines for programs and for people, never for HTML: Chinese stays Chinese.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>One line, <c>{"key":{…}}</c>.</summary>
    public static string Line(string key, IMessage message) => Line(key, writer => Write(writer, message));

    /// <summary>One line, <c>{"key":{"error":{"status":"UNAVAILABLE","message":"…"}}}</c>.</summary>
    public static string ErrorLine(string key, string status, string message) => Line(key, writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        writer.WriteString("status", status);
        writer.WriteString("message", message);
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    private static string Line(string key, Action<Utf8JsonWriter> value)
    {
        ArrayBufferWriter<byte> buffer = new();
        using Utf8JsonWriter writer = new(buffer, Options);
        writer.WriteStartObject();
        writer.WritePropertyName(key);
        value(writer);
        writer.WriteEndObject();
        writer.Flush();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, IMessage message)
    {
        writer.WriteStartObject();
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            if (field.HasPresence && !field.Accessor.HasValue(message))
                continue;
            writer.WritePropertyName(field.JsonName);
            object value = field.Accessor.GetValue(message);
            if (field.IsRepeated)
            {
                writer.WriteStartArray();
                foreach (object item in (IList)value)
                    Write(writer, field, item);
                writer.WriteEndArray();
            }
            else
            {
                Write(writer, field, value);
            }
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, FieldDescriptor field, object value)
    {
        switch (value)
        {
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case ByteString bytes:
                writer.WriteBase64StringValue(bytes.Span);
                break;
            case IMessage message:
                Write(writer, message);
                break;
            case Enum when field.EnumType.FindValueByNumber((int)value) is { } name:
                writer.WriteStringValue(name.Name);
                break;
            case Enum:
                writer.WriteNumberValue((int)value);
                break;
            default:
                throw new NotSupportedException(
                    $"Field {field.FullName} is of a type that the contract has not used so far: {value.GetType()}.");
        }
    }
}
