using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Claims.Hosting;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Claims.Cli.Conformance;

/// <summary>Every call as a line of JSON, with insured ids masked, for whoever helps the vendor.</summary>
public sealed class CallRecord : IDisposable
{
    private const string InsuredField = "insured_id";

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _gate = new();
    private readonly StreamWriter _lines;

    private CallRecord(StreamWriter lines) => _lines = lines;

    /// <exception cref="CommandException">The file cannot be written.</exception>
    public static CallRecord Open(FileInfo file)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            StreamWriter lines = new(file.FullName, append: false, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
            return new CallRecord(lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{file.FullName} cannot be written: {e.Message.TrimEnd('.')}.", e);
        }
    }

    public void Add(string situation, Exchange call)
    {
        string line = LineOf(situation, call);
        lock (_gate) _lines.WriteLine(line);
    }

    public void Dispose() => _lines.Dispose();

    public static string LineOf(string situation, Exchange call)
    {
        ArgumentNullException.ThrowIfNull(call);
        HashSet<string> insured = new(StringComparer.Ordinal);
        JsonObject line = new()
        {
            ["number"] = call.Number,
            ["at"] = Text(call.At),
            ["ended"] = call.Ended is { } ended ? Text(ended) : null,
            ["situation"] = situation,
            ["call"] = call.Method,
            ["stream"] = call.Stream > 0 ? call.Stream : null,
            ["request"] = Masked(call.Request, insured),
            ["answer"] = call.Answer is { } answer ? Masked(answer, insured) : null,
            ["status"] = call.Status is { } status ? Operations.SendSummary.StatusName(status) : null,
            ["gaveUp"] = call.GaveUp ? true : null,
            ["fault"] = call.Fault.Length > 0 ? call.Fault : null,
            ["adjudicationAnswered"] = call.Centre is { } centre && !ReferenceEquals(centre, call.Answer) ? Masked(centre, insured) : null,
        };
        string text = line.ToJsonString(Readable);
        // A sentence may name the insured, too.
        return insured.Where(id => id.Length > 0).Aggregate(
            text, (masked, id) => masked.Replace(id, Mask.Insured(id), StringComparison.Ordinal));
    }

    private static JsonNode? Masked(IMessage message, HashSet<string> insured)
    {
        IMessage copy = message.Descriptor.Parser.ParseFrom(message.ToByteArray());
        MaskIn(copy, insured);
        return JsonNode.Parse(JsonFormatter.Default.Format(copy));
    }

    private static void MaskIn(IMessage message, HashSet<string> insured)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            object? value = field.Accessor.GetValue(message);
            if (field.Name == InsuredField && value is string id)
            {
                insured.Add(id);
                field.Accessor.SetValue(message, Mask.Insured(id));
            }
            else if (field.FieldType == FieldType.Message && value is not null)
            {
                IEnumerable<IMessage> parts = field.IsRepeated ? ((IEnumerable)value).Cast<IMessage>() : [(IMessage)value];
                foreach (IMessage part in parts) MaskIn(part, insured);
            }
        }
    }

    private static string Text(DateTimeOffset instant) => instant.ToString("O", CultureInfo.InvariantCulture);
}
