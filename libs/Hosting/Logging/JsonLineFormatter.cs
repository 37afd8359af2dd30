using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Claims.Hosting;

/// <summary>One JSON object a line: time, level, service, event, message, trace id, then the message's own values.</summary>
/// <remarks>
/// Callers mask what they log (<see cref="Mask.Insured"/>). This is the net beneath: a value named InsuredId is masked, one named
/// Name is left out, and both are taken out of the rendered message as well.
/// </remarks>
internal sealed partial class JsonLineFormatter(string service, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "claims-json-line";

    // Chinese stays readable; the output is never embedded in HTML.
    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly HashSet<string> OwnFields = new(StringComparer.Ordinal)
    {
        "time", "level", "service", "event", "category", "message", "trace_id", "span_id", "exception",
    };

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        ArgumentNullException.ThrowIfNull(textWriter);
        IReadOnlyList<KeyValuePair<string, object?>> values = logEntry.State as IReadOnlyList<KeyValuePair<string, object?>> ?? [];

        ArrayBufferWriter<byte> line = new(512);
        using (Utf8JsonWriter json = new(line, JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
            json.WriteString("level", Level(logEntry.LogLevel));
            json.WriteString("service", service);
            json.WriteString("event", logEntry.EventId.Name ?? logEntry.Category[(logEntry.Category.LastIndexOf('.') + 1)..]);
            json.WriteString("category", logEntry.Category);
            json.WriteString("message", Clean(Message(logEntry, values), values));
            if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
            {
                json.WriteString("trace_id", activity.TraceId.ToHexString());
                json.WriteString("span_id", activity.SpanId.ToHexString());
            }

            WriteValues(json, values);
            if (logEntry.Exception is { } exception) json.WriteString("exception", Clean(exception.ToString(), values));
            json.WriteEndObject();
        }

        textWriter.WriteLine(Encoding.UTF8.GetString(line.WrittenSpan));
    }

    private static void WriteValues(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        HashSet<string> written = new(OwnFields, StringComparer.Ordinal);
        foreach ((string key, object? value) in values)
        {
            if (key == "{OriginalFormat}" || IsName(key) || !written.Add(key)) continue;
            switch (value)
            {
                case null: json.WriteNull(key); break;
                case bool flag: json.WriteBoolean(key, flag); break;
                case int number: json.WriteNumber(key, number); break;
                case long number: json.WriteNumber(key, number); break;
                case double number when double.IsFinite(number): json.WriteNumber(key, number); break;
                default: json.WriteString(key, IsInsured(key) ? MaskedText(value) : Clean(Text(value), values)); break;
            }
        }
    }

    private static string Message<TState>(in LogEntry<TState> entry, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        if (!values.Any(value => IsInsured(value.Key) || IsName(value.Key))) return entry.Formatter(entry.State, entry.Exception);
        string template = values.FirstOrDefault(value => value.Key == "{OriginalFormat}").Value as string ?? "";
        return Placeholder().Replace(template, match =>
        {
            string key = match.Groups["key"].Value;
            object? value = values.FirstOrDefault(value => value.Key == key).Value;
            return IsName(key) ? "***" : IsInsured(key) ? MaskedText(value) : Text(value);
        });
    }

    // The value may also stand where nothing names it: inside an exception's text or another value.
    private static string Clean(string text, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        foreach ((string key, object? value) in values)
        {
            if (value is null || !(IsInsured(key) || IsName(key))) continue;
            string secret = Text(value);
            if (secret.Length > 0 && !secret.StartsWith("***", StringComparison.Ordinal))
            {
                text = text.Replace(secret, IsName(key) ? "***" : Mask.Insured(secret), StringComparison.Ordinal);
            }
        }

        return Mask.IdentityNumbers(text);
    }

    private static string MaskedText(object? value) =>
        Text(value) is var text && text.StartsWith("***", StringComparison.Ordinal) ? text : Mask.Insured(text);

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private static bool IsInsured(string key) => Matches(key, "insuredid") || Matches(key, "insured");

    private static bool IsName(string key) => Matches(key, "name") || Matches(key, "insuredname");

    private static bool Matches(string key, string plain) =>
        key.Replace("_", "", StringComparison.Ordinal).TrimStart('@', '$').Equals(plain, StringComparison.OrdinalIgnoreCase);

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "critical",
    };

    [GeneratedRegex(@"\{(?<key>[^{}:,]+)[^{}]*\}", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}
