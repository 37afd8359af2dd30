using System.Diagnostics;
using System.Text.Json;
using Claims.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hosting.Tests;

public sealed class MaskTests
{
    [Theory]
    [InlineData("410105198001011234", "***1234")]
    [InlineData("P0001", "***0001")]
    [InlineData("P001", "***")]
    [InlineData("", "***")]
    [InlineData(null, "***")]
    public void Insured_shows_the_last_four_of_longer_ids_only(string? insuredId, string masked) =>
        Assert.Equal(masked, Mask.Insured(insuredId));

    [Theory]
    [InlineData("paid by 41010519800101123X, at once", "paid by ***123X, at once")]
    [InlineData("id=410105198001011234;410105199912319876", "id=***1234;***9876")]
    [InlineData("settlement 20260101123456789012345", "settlement 20260101123456789012345")]
    [InlineData("not a date 410105198013011234", "not a date 410105198013011234")]
    public void Identity_numbers_are_masked_wherever_they_stand(string text, string masked) =>
        Assert.Equal(masked, Mask.IdentityNumbers(text));

    [Theory]
    [InlineData("Settled {InsuredId}")]
    [InlineData("Settled {insured_id}")]
    [InlineData("Settled {@InsuredId}")]
    public void Log_masks_an_insured_id_in_message_value_and_exception(string template)
    {
        JsonElement entry = Log(new InvalidOperationException("no row for P000123"), template, "P000123");

        Assert.Equal("Settled ***0123", entry.GetProperty("message").GetString());
        Assert.DoesNotContain("P000123", entry.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("no row for ***0123", entry.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Log_leaves_an_already_masked_insured_id_as_it_is() =>
        Assert.Equal("Settled ***0123", Log(null, "Settled {InsuredId}", Mask.Insured("P000123")).GetProperty("message").GetString());

    [Fact]
    public void Log_never_writes_a_name()
    {
        JsonElement entry = Log(new InvalidOperationException("张三 is unknown"), "Enrolled {Name} in {County}", "张三", "410105");

        Assert.Equal("Enrolled *** in 410105", entry.GetProperty("message").GetString());
        Assert.DoesNotContain("张三", entry.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("410105", entry.GetProperty("County").GetString());
    }

    [Fact]
    public void Log_value_named_like_a_field_of_the_line_does_not_replace_it()
    {
        JsonElement entry = Log(null, "At {level} for {service}", "high", "other");

        Assert.Equal("info", entry.GetProperty("level").GetString());
        Assert.Equal("sample", entry.GetProperty("service").GetString());
    }

    [Fact]
    public void Log_line_stays_one_line_and_readable()
    {
        string line = Line(null, "First\nsecond: 郑州 {Count}", 3);

        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.Contains("郑州", line, StringComparison.Ordinal);
        Assert.Equal(3, JsonDocument.Parse(line).RootElement.GetProperty("Count").GetInt32());
    }

    [Theory]
    [InlineData(LogLevel.Trace, "trace")]
    [InlineData(LogLevel.Debug, "debug")]
    [InlineData(LogLevel.Information, "info")]
    [InlineData(LogLevel.Warning, "warning")]
    [InlineData(LogLevel.Error, "error")]
    [InlineData(LogLevel.Critical, "critical")]
    public void Log_line_has_its_level_time_event_and_category(LogLevel level, string name)
    {
        Capture capture = new();
        capture.Log(level, new EventId(7, "shard_stopped"),
            "Shard {Shard} stopped at {At} for {Reason}; {Certain}, {Ratio}, {Odd}, {Nothing}.", 3, 5_000_000_000L, "a gap", true, 0.25,
            double.NaN, null);

        Assert.Equal(
            $$"""{"time":"2025-06-18T00:01:02.003Z","level":"{{name}}","service":"sample","event":"shard_stopped","category":"Claims.Sample","message":"Shard 3 stopped at 5000000000 for a gap; True, 0.25, NaN, (null).","Shard":3,"At":5000000000,"Reason":"a gap","Certain":true,"Ratio":0.25,"Odd":"NaN","Nothing":null}""",
            capture.Line.TrimEnd());
        Assert.Equal("Sample", Log(null, "no event of its own").GetProperty("event").GetString());
    }

    [Fact]
    public void Log_line_has_the_ids_of_the_trace_that_it_belongs_to()
    {
        using Activity activity = new Activity("visit").SetIdFormat(ActivityIdFormat.W3C).Start();
        JsonElement entry = Log(null, "inside");

        Assert.Equal((activity.TraceId.ToHexString(), activity.SpanId.ToHexString()),
            (entry.GetProperty("trace_id").GetString(), entry.GetProperty("span_id").GetString()));
    }

    [Theory]
    [InlineData("{Insured} of {Facility}", "***0123 of H1")]
    [InlineData("{insured_id} of {Facility}", "***0123 of H1")]
    [InlineData("{INSUREDID} of {Facility}", "***0123 of H1")]
    [InlineData("{InsuredName} of {Facility}", "*** of H1")]
    [InlineData("{insured_name} of {Facility}", "*** of H1")]
    [InlineData("{$Name} of {Facility}", "*** of H1")]
    public void Log_knows_an_insured_and_a_name_however_they_are_called(string template, string message)
    {
        string line = Line(null, template, "P000123", "H1");

        Assert.Equal(message, JsonDocument.Parse(line).RootElement.GetProperty("message").GetString());
        Assert.DoesNotContain("P000123", line, StringComparison.Ordinal);
    }

    private static JsonElement Log(Exception? exception, string template, params object?[] values) =>
        JsonDocument.Parse(Line(exception, template, values)).RootElement;

    private static string Line(Exception? exception, string template, params object?[] values)
    {
        Capture capture = new();
#pragma warning disable CA2254 // The templates are the test's cases.
        capture.LogInformation(exception, template, values);
#pragma warning restore CA2254
        return capture.Line;
    }

    private sealed class Fixed : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2025, 6, 18, 0, 1, 2, 3, TimeSpan.Zero);
    }

    /// <summary>Turns a log call into its line, as the console would.</summary>
    private sealed class Capture : ILogger
    {
        private readonly JsonLineFormatter _formatter = new("sample", new Fixed());

        public string Line { get; private set; } = "";

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            using StringWriter writer = new() { NewLine = "\n" };
            _formatter.Write(new LogEntry<TState>(logLevel, "Claims.Sample", eventId, state, exception, formatter), scopeProvider: null,
                writer);
            Line = writer.ToString();
        }
    }
}
